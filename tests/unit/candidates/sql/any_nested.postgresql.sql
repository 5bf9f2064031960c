SELECT resource_providers.id
FROM resource_providers
WHERE resource_providers.parent_provider_id > %(parent_provider_id_1)s
 LIMIT %(param_1)s
