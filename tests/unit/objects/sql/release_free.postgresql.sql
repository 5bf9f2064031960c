WITH deleted AS
(DELETE FROM allocations WHERE allocations.consumer_id = %(consumer)s RETURNING allocations.resource_provider_id, allocations.resource_class_id, allocations.used),
units AS
(SELECT deleted.resource_provider_id AS resource_provider_id, deleted.resource_class_id AS resource_class_id, sum(deleted.used) AS units
FROM deleted GROUP BY deleted.resource_provider_id, deleted.resource_class_id),
freed AS
(UPDATE inventories SET updated_at=inventories.updated_at, used=(inventories.used - units.units) FROM units WHERE inventories.resource_provider_id = units.resource_provider_id AND inventories.resource_class_id = units.resource_class_id RETURNING inventories.id)
 SELECT CAST(CASE WHEN ((SELECT count(*) AS count_1
FROM deleted) > %(param_1)s) THEN '1' ELSE 'condition not met, Placement handles this' END AS INTEGER) AS anon_1
