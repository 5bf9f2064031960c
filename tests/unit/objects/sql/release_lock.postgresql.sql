SELECT resource_providers.id
FROM resource_providers
WHERE resource_providers.id IN (SELECT allocations.resource_provider_id
FROM allocations
WHERE allocations.consumer_id = %(consumer)s) ORDER BY resource_providers.id FOR UPDATE
