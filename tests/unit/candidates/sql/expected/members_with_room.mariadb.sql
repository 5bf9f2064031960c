SELECT resource_providers.root_provider_id, resource_providers.id, resource_providers.revision
FROM resource_providers INNER JOIN (SELECT DISTINCT resource_providers.root_provider_id AS root_provider_id
FROM resource_providers INNER JOIN (SELECT inventories.resource_provider_id AS resource_provider_id
FROM inventories
WHERE inventories.resource_class_id = %s AND inventories.min_unit <= %s AND inventories.max_unit >= %s AND %s %% inventories.step_size < %s AND inventories.used + %s <= (inventories.total - inventories.reserved) * inventories.allocation_ratio) AS need ON need.resource_provider_id = resource_providers.id
WHERE resource_providers.root_provider_id > %s ORDER BY resource_providers.root_provider_id
 LIMIT %s) AS few ON few.root_provider_id = resource_providers.root_provider_id ORDER BY resource_providers.root_provider_id, resource_providers.id
