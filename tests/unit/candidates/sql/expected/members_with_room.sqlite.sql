SELECT resource_providers.root_provider_id, resource_providers.id, resource_providers.revision
FROM resource_providers JOIN (SELECT DISTINCT resource_providers.root_provider_id AS root_provider_id
FROM resource_providers JOIN (SELECT inventories.resource_provider_id AS resource_provider_id
FROM inventories
WHERE inventories.resource_class_id = ? AND inventories.min_unit <= ? AND inventories.max_unit >= ? AND ? % inventories.step_size < ? AND inventories.used + ? <= (inventories.total - inventories.reserved) * inventories.allocation_ratio) AS need ON need.resource_provider_id = resource_providers.id
WHERE resource_providers.root_provider_id > ? ORDER BY resource_providers.root_provider_id
 LIMIT ? OFFSET ?) AS few ON few.root_provider_id = resource_providers.root_provider_id ORDER BY resource_providers.root_provider_id, resource_providers.id
