SELECT (SELECT count(*) AS count_1
FROM (SELECT inventories.resource_provider_id AS resource_provider_id
FROM inventories
WHERE inventories.resource_class_id = ? AND inventories.min_unit <= ? AND inventories.max_unit >= ? AND ? % inventories.step_size < ? AND inventories.used + ? <= (inventories.total - inventories.reserved) * inventories.allocation_ratio
 LIMIT ? OFFSET ?) AS need_0) AS n0, (SELECT count(*) AS count_2
FROM (SELECT inventories.resource_provider_id AS resource_provider_id
FROM inventories
WHERE inventories.resource_class_id = ? AND inventories.min_unit <= ? AND inventories.max_unit >= ? AND ? % inventories.step_size < ? AND inventories.used + ? <= (inventories.total - inventories.reserved) * inventories.allocation_ratio
 LIMIT ? OFFSET ?) AS need_1) AS n1, (SELECT count(*) AS count_3
FROM (SELECT resource_provider_traits.resource_provider_id AS resource_provider_id
FROM resource_provider_traits
WHERE resource_provider_traits.trait_id IN (?)
 LIMIT ? OFFSET ?) AS need_2) AS n2, (SELECT count(*) AS count_4
FROM (SELECT resource_provider_traits.resource_provider_id AS resource_provider_id
FROM resource_provider_traits
WHERE resource_provider_traits.trait_id IN (?)
 LIMIT ? OFFSET ?) AS need_3) AS n3, (SELECT count(*) AS count_5
FROM (SELECT resource_provider_aggregates.resource_provider_id AS resource_provider_id
FROM resource_provider_aggregates
WHERE resource_provider_aggregates.aggregate_id IN (?, ?)
 LIMIT ? OFFSET ?) AS need_4) AS n4
