SELECT resource_providers.root_provider_id, resource_providers.id, resource_providers.revision
FROM resource_providers
WHERE resource_providers.id = ANY (ARRAY(SELECT resource_provider_traits.resource_provider_id
FROM resource_provider_traits
WHERE resource_provider_traits.trait_id IN (%(need_0)s))) AND resource_providers.id > %(after)s ORDER BY resource_providers.id
 LIMIT %(size)s
