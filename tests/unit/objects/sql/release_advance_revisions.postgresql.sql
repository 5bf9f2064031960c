UPDATE resource_providers SET updated_at=resource_providers.updated_at, revision=greatest(resource_providers.revision + 1, CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)) WHERE resource_providers.id IN (SELECT allocations.resource_provider_id
FROM allocations
WHERE allocations.consumer_id = %(consumer)s)
