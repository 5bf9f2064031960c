SELECT -1, (SELECT placement_name_changes.revision
FROM placement_name_changes
WHERE placement_name_changes.id = %(id_1)s) AS anon_1, (SELECT resource_provider_traits.resource_provider_id
FROM resource_provider_traits
WHERE resource_provider_traits.trait_id = %(sharing_trait_id_of_fact_1)s ORDER BY resource_provider_traits.trait_id, resource_provider_traits.resource_provider_id
 LIMIT %(param_1)s) AS anon_2 UNION ALL SELECT page.root_provider_id, page.id, page.revision
FROM (SELECT resource_providers.root_provider_id AS root_provider_id, resource_providers.id AS id, resource_providers.revision AS revision
FROM resource_providers
WHERE resource_providers.root_provider_id > %(after)s ORDER BY resource_providers.root_provider_id, resource_providers.id
 LIMIT %(size)s) AS page
