UPDATE resource_providers SET updated_at=resource_providers.updated_at, revision=(resource_providers.revision + %(revision_1)s) WHERE resource_providers.id IN (SELECT allocations.resource_provider_id
FROM allocations
WHERE allocations.consumer_id = %(consumer)s)
