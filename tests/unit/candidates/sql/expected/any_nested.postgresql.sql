SELECT resource_providers.id
FROM resource_providers
WHERE resource_providers.parent_provider_id > %(parent_provider_id_1)s ORDER BY resource_providers.parent_provider_id
 LIMIT %(param_1)s
