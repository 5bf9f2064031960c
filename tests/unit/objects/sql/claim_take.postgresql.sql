WITH taken AS
(UPDATE inventories SET updated_at=inventories.updated_at, used=(inventories.used + wanted.changes) FROM resource_providers, unnest(CAST(%(providers)s AS TEXT[]), CAST(%(classes)s AS INTEGER[]), CAST(%(names)s AS TEXT[]), CAST(%(changes)s AS BIGINT[]), CAST(%(sizes)s AS INTEGER[])) AS wanted(providers, classes, names, changes, sizes) WHERE resource_providers.uuid = wanted.providers AND inventories.resource_provider_id = resource_providers.id AND inventories.resource_class_id = wanted.classes AND (wanted.names IS NULL OR (EXISTS (SELECT *
FROM resource_classes
WHERE resource_classes.id = wanted.classes AND resource_classes.name = wanted.names))) AND inventories.min_unit <= wanted.sizes AND inventories.max_unit >= wanted.sizes AND wanted.sizes %% inventories.step_size < %(param_1)s AND inventories.used + wanted.changes <= (inventories.total - inventories.reserved) * inventories.allocation_ratio RETURNING inventories.id)
 SELECT CAST(CASE WHEN ((SELECT count(*) AS count_1
FROM taken) = %(change_count)s) THEN '1' ELSE 'not as required, which Placement deals with' END AS INTEGER) AS anon_1
