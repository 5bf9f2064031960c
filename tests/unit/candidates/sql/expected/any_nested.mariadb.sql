SELECT resource_providers.id
FROM resource_providers
WHERE resource_providers.parent_provider_id > %s ORDER BY resource_providers.parent_provider_id
 LIMIT %s
