SELECT resource_providers.root_provider_id, resource_providers.id, resource_providers.revision
FROM resource_providers
WHERE resource_providers.root_provider_id IN (SELECT sharer.root_provider_id
FROM resource_providers AS sharer JOIN resource_provider_traits ON resource_provider_traits.resource_provider_id = sharer.id
WHERE resource_provider_traits.trait_id = %(sharing_trait_id)s AND (SELECT held_aggregates.resource_provider_id
FROM resource_provider_aggregates AS held_aggregates
WHERE held_aggregates.resource_provider_id = sharer.id
 LIMIT %(param_1)s) IS NOT NULL) ORDER BY resource_providers.root_provider_id, resource_providers.id
