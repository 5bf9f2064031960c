SELECT resource_providers.id
FROM resource_providers
WHERE resource_providers.uuid = ANY (CAST(%(providers)s AS TEXT[])) ORDER BY resource_providers.id FOR UPDATE
