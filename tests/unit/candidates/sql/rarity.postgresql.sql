SELECT (SELECT count(*) AS count_1
FROM (SELECT inventories.resource_provider_id AS resource_provider_id
FROM inventories
WHERE inventories.resource_class_id = %(resource_class_id_1)s AND inventories.min_unit <= %(param_1)s AND inventories.max_unit >= %(param_1)s AND %(param_1)s %% inventories.step_size < %(param_2)s AND inventories.used + %(used_1)s <= (inventories.total - inventories.reserved) * inventories.allocation_ratio
 LIMIT %(param_3)s) AS need_0) AS n0, (SELECT count(*) AS count_2
FROM (SELECT inventories.resource_provider_id AS resource_provider_id
FROM inventories
WHERE inventories.resource_class_id = %(resource_class_id_2)s AND inventories.min_unit <= %(param_4)s AND inventories.max_unit >= %(param_4)s AND %(param_4)s %% inventories.step_size < %(param_5)s AND inventories.used + %(used_2)s <= (inventories.total - inventories.reserved) * inventories.allocation_ratio
 LIMIT %(param_6)s) AS need_1) AS n1, (SELECT count(*) AS count_3
FROM (SELECT resource_provider_traits.resource_provider_id AS resource_provider_id
FROM resource_provider_traits
WHERE resource_provider_traits.trait_id IN (%(trait_id_1_1)s)
 LIMIT %(param_7)s) AS need_2) AS n2, (SELECT count(*) AS count_4
FROM (SELECT resource_provider_traits.resource_provider_id AS resource_provider_id
FROM resource_provider_traits
WHERE resource_provider_traits.trait_id IN (%(trait_id_2_1)s)
 LIMIT %(param_8)s) AS need_3) AS n3, (SELECT count(*) AS count_5
FROM (SELECT resource_provider_aggregates.resource_provider_id AS resource_provider_id
FROM resource_provider_aggregates
WHERE resource_provider_aggregates.aggregate_id IN (%(aggregate_id_1_1)s, %(aggregate_id_1_2)s)
 LIMIT %(param_9)s) AS need_4) AS n4
