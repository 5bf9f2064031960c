SELECT -1, (SELECT placement_name_changes.revision
FROM placement_name_changes
WHERE placement_name_changes.id = %(id_1)s) AS anon_1, (SELECT resource_provider_traits.resource_provider_id
FROM resource_provider_traits
WHERE resource_provider_traits.trait_id = %(sharing_trait_id_of_value_1)s ORDER BY resource_provider_traits.trait_id, resource_provider_traits.resource_provider_id
 LIMIT %(param_1)s) AS anon_2, CAST(NULL AS TEXT) AS anon_3 UNION ALL SELECT -2, (SELECT resource_providers.id
FROM resource_providers
WHERE resource_providers.parent_provider_id > %(parent_provider_id_1)s ORDER BY resource_providers.parent_provider_id
 LIMIT %(param_2)s) AS anon_4, 0, CAST(NULL AS TEXT) AS anon_3
