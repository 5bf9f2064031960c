SELECT count(*) AS count_1
FROM (SELECT inventories.resource_provider_id AS resource_provider_id
FROM inventories
WHERE inventories.resource_class_id = %s AND inventories.min_unit <= %s AND inventories.max_unit >= %s AND %s %% inventories.step_size < %s AND inventories.used + %s <= (inventories.total - inventories.reserved) * inventories.allocation_ratio
 LIMIT %s) AS some
