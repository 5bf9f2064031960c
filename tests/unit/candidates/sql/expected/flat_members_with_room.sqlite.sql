SELECT resource_providers.root_provider_id, resource_providers.id, resource_providers.revision
FROM resource_providers
WHERE resource_providers.id IN (SELECT inventories.resource_provider_id
FROM inventories
WHERE inventories.resource_class_id = ? AND inventories.min_unit <= ? AND inventories.max_unit >= ? AND ? % inventories.step_size < ? AND inventories.used + ? <= (inventories.total - inventories.reserved) * inventories.allocation_ratio) AND resource_providers.id > ? ORDER BY resource_providers.id
 LIMIT ? OFFSET ?
