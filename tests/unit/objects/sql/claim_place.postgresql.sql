WITH consumers_added AS
(INSERT INTO consumers (created_at, uuid, generation, project_id, user_id, consumer_type_id) SELECT CAST(%(now)s AS TIMESTAMP WITHOUT TIME ZONE) AS anon_2, wanted.consumers AS consumers, 1, projects.id AS id, users.id AS id_1, consumer_types.id AS id_2
FROM (SELECT CAST(%(consumer)s AS TEXT) AS consumers, CAST(%(project)s AS TEXT) AS projects, CAST(%(user)s AS TEXT) AS users, CAST(%(type)s AS TEXT) AS types) AS wanted JOIN projects ON projects.external_id = wanted.projects JOIN users ON users.external_id = wanted.users LEFT OUTER JOIN consumer_types ON consumer_types.name = wanted.types
WHERE wanted.types IS NULL OR consumer_types.id IS NOT NULL ON CONFLICT (uuid) DO NOTHING RETURNING consumers.id),
allocations_added AS
(INSERT INTO allocations (created_at, resource_provider_id, resource_class_id, consumer_id, used) SELECT CAST(%(now)s AS TIMESTAMP WITHOUT TIME ZONE) AS anon_2, %(host_id)s AS anon_3, wanted.classes AS classes, CAST(%(consumer)s AS TEXT) AS anon_4, wanted.units AS units
FROM unnest(CAST(%(classes)s AS INTEGER[]), CAST(%(units)s AS INTEGER[])) AS wanted(classes, units) RETURNING allocations.id),
advanced AS
(UPDATE resource_providers SET updated_at=CAST(%(now)s AS TIMESTAMP WITHOUT TIME ZONE), generation=(coalesce(resource_providers.generation, %(coalesce_1)s) + %(coalesce_2)s), definition_revision=CASE WHEN (resource_providers.revision & 1 = 1) THEN resource_providers.definition_revision ELSE resource_providers.revision END, revision=(greatest(resource_providers.revision + 1, CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)) | 1) WHERE resource_providers.id = %(host_id)s AND CASE WHEN (resource_providers.revision & 1 = 1) THEN resource_providers.definition_revision ELSE resource_providers.revision END = %(definition)s AND resource_providers.state < 1 RETURNING resource_providers.generation),
reserved AS
(UPDATE inventories SET updated_at=inventories.updated_at, used=(inventories.used + wanted.units) FROM unnest(CAST(%(classes)s AS INTEGER[]), CAST(%(units)s AS INTEGER[])) AS wanted(classes, units) WHERE inventories.resource_provider_id = %(host_id)s AND inventories.resource_class_id = wanted.classes AND inventories.min_unit <= wanted.units AND inventories.max_unit >= wanted.units AND wanted.units %% inventories.step_size < %(param_4)s AND inventories.used + wanted.units <= (inventories.total - inventories.reserved) * inventories.allocation_ratio RETURNING inventories.id)
 SELECT CAST(CASE WHEN ((SELECT count(*) AS count_1
FROM consumers_added) = %(param_1)s AND (SELECT count(*) AS count_2
FROM allocations_added) = %(amount_count)s AND (SELECT allocations.consumer_id
FROM allocations
WHERE allocations.consumer_id = CAST(%(consumer)s AS TEXT) ORDER BY allocations.consumer_id
 LIMIT %(param_2)s) IS NULL AND NOT (EXISTS (SELECT *
FROM placement_limits)) AND (SELECT found."all" = %(host_count)s AND found.same = %(host_count)s AS anon_5
FROM (SELECT count(*) AS "all", count(*) FILTER (WHERE CASE WHEN (resource_providers.id = ANY (CAST(%(full)s AS INTEGER[]))) THEN resource_providers.revision ELSE CASE WHEN (resource_providers.revision & 1 = 1) THEN resource_providers.definition_revision ELSE resource_providers.revision END END = (CAST(%(revisions)s AS BIGINT[]))[array_position(CAST(%(ids)s AS INTEGER[]), resource_providers.id)]) AS same
FROM resource_providers
WHERE resource_providers.root_provider_id > (SELECT %(place)s %% max(numbered.id) AS anon_6
FROM resource_providers AS numbered) AND resource_providers.root_provider_id <= %(host_id)s) AS found) AND (SELECT placement_name_changes.revision
FROM placement_name_changes
WHERE placement_name_changes.id = %(id_3)s) = %(names_revision)s AND NOT (EXISTS (SELECT *
FROM resource_provider_traits
WHERE resource_provider_traits.trait_id = %(sharing_trait_id)s)) AND (SELECT count(*) AS count_3
FROM advanced) = %(param_3)s AND (SELECT count(*) AS count_4
FROM reserved) = %(amount_count)s) THEN CAST((SELECT advanced.generation
FROM advanced) AS TEXT) ELSE 'condition not met, Placement handles this' END AS INTEGER) AS anon_1
