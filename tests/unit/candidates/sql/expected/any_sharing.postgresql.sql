SELECT resource_provider_traits.resource_provider_id
FROM resource_provider_traits
WHERE resource_provider_traits.trait_id = %(sharing_trait_id)s ORDER BY resource_provider_traits.trait_id, resource_provider_traits.resource_provider_id
 LIMIT %(param_1)s
