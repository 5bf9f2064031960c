SELECT resource_providers.id
FROM resource_providers
WHERE resource_providers.parent_provider_id > ? ORDER BY resource_providers.parent_provider_id
 LIMIT ? OFFSET ?
