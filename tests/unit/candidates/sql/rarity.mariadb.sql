SELECT (SELECT count(*) AS count_1
FROM (SELECT inventories.resource_provider_id AS resource_provider_id
FROM inventories
WHERE inventories.resource_class_id = %s AND inventories.min_unit <= %s AND inventories.max_unit >= %s AND %s %% inventories.step_size < %s AND inventories.used + %s <= (inventories.total - inventories.reserved) * inventories.allocation_ratio
 LIMIT %s) AS need_0) AS n0, (SELECT count(*) AS count_2
FROM (SELECT inventories.resource_provider_id AS resource_provider_id
FROM inventories
WHERE inventories.resource_class_id = %s AND inventories.min_unit <= %s AND inventories.max_unit >= %s AND %s %% inventories.step_size < %s AND inventories.used + %s <= (inventories.total - inventories.reserved) * inventories.allocation_ratio
 LIMIT %s) AS need_1) AS n1, (SELECT count(*) AS count_3
FROM (SELECT resource_provider_traits.resource_provider_id AS resource_provider_id
FROM resource_provider_traits
WHERE resource_provider_traits.trait_id IN (%s)
 LIMIT %s) AS need_2) AS n2, (SELECT count(*) AS count_4
FROM (SELECT resource_provider_traits.resource_provider_id AS resource_provider_id
FROM resource_provider_traits
WHERE resource_provider_traits.trait_id IN (%s)
 LIMIT %s) AS need_3) AS n3, (SELECT count(*) AS count_5
FROM (SELECT resource_provider_aggregates.resource_provider_id AS resource_provider_id
FROM resource_provider_aggregates
WHERE resource_provider_aggregates.aggregate_id IN (%s, %s)
 LIMIT %s) AS need_4) AS n4
