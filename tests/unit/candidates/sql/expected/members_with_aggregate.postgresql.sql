SELECT resource_providers.root_provider_id, resource_providers.id, resource_providers.revision
FROM resource_providers JOIN (SELECT DISTINCT resource_providers.root_provider_id AS root_provider_id
FROM resource_providers JOIN (SELECT resource_provider_aggregates.resource_provider_id AS resource_provider_id
FROM resource_provider_aggregates
WHERE resource_provider_aggregates.aggregate_id IN (%(need_0)s, %(need_1)s)) AS need ON need.resource_provider_id = resource_providers.id
WHERE resource_providers.root_provider_id > %(after)s ORDER BY resource_providers.root_provider_id
 LIMIT %(size)s) AS few ON few.root_provider_id = resource_providers.root_provider_id ORDER BY resource_providers.root_provider_id, resource_providers.id
