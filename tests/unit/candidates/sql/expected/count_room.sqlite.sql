SELECT count(*) AS count_1
FROM (SELECT inventories.resource_provider_id AS resource_provider_id
FROM inventories
WHERE inventories.resource_class_id = ? AND inventories.min_unit <= ? AND inventories.max_unit >= ? AND ? % inventories.step_size < ? AND inventories.used + ? <= (inventories.total - inventories.reserved) * inventories.allocation_ratio
 LIMIT ? OFFSET ?) AS some
