SELECT resource_providers.root_provider_id, resource_providers.id, resource_providers.revision
FROM resource_providers
WHERE resource_providers.root_provider_id = %s ORDER BY resource_providers.root_provider_id, resource_providers.id
