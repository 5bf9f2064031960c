WITH gone AS
(DELETE FROM allocations WHERE allocations.consumer_id = %(consumer)s RETURNING allocations.resource_provider_id, allocations.resource_class_id, allocations.used),
units AS
(SELECT gone.resource_provider_id AS resource_provider_id, gone.resource_class_id AS resource_class_id, sum(gone.used) AS units
FROM gone GROUP BY gone.resource_provider_id, gone.resource_class_id),
given_back AS
(UPDATE inventories SET updated_at=inventories.updated_at, used=(inventories.used - units.units) FROM units WHERE inventories.resource_provider_id = units.resource_provider_id AND inventories.resource_class_id = units.resource_class_id RETURNING inventories.id)
 SELECT CAST(CASE WHEN ((SELECT count(*) AS count_1
FROM gone) > %(param_1)s) THEN '1' ELSE 'not as required, which Placement deals with' END AS INTEGER) AS anon_1
