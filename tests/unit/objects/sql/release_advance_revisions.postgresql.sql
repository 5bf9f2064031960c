UPDATE resource_providers SET updated_at=resource_providers.updated_at, definition_revision=CASE WHEN (resource_providers.revision & 1 = 1) THEN resource_providers.definition_revision ELSE resource_providers.revision END, revision=(greatest(resource_providers.revision + 1, CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)) | 1) WHERE resource_providers.id IN (SELECT allocations.resource_provider_id
FROM allocations
WHERE allocations.consumer_id = %(consumer)s)
