SELECT count(*) AS count_1
FROM (SELECT inventories.resource_provider_id AS resource_provider_id
FROM inventories
WHERE inventories.resource_class_id = %(resource_class_id)s AND inventories.min_unit <= %(amount)s AND inventories.max_unit >= %(amount)s AND %(amount)s %% inventories.step_size < %(param_1)s AND inventories.used + %(amount)s <= (inventories.total - inventories.reserved) * inventories.allocation_ratio
 LIMIT %(most)s) AS "some"
