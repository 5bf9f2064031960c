SELECT max(resource_providers.id) AS max_1
FROM resource_providers
