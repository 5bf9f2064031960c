SELECT resource_providers.root_provider_id, resource_providers.id, resource_providers.revision
FROM resource_providers
WHERE resource_providers.id IN (SELECT inventories.resource_provider_id
FROM inventories
WHERE inventories.resource_class_id = %s AND inventories.min_unit <= %s AND inventories.max_unit >= %s AND %s %% inventories.step_size < %s AND inventories.used + %s <= (inventories.total - inventories.reserved) * inventories.allocation_ratio) AND resource_providers.id > %s ORDER BY resource_providers.id
 LIMIT %s
