SELECT -1, (SELECT placement_name_changes.revision
FROM placement_name_changes
WHERE placement_name_changes.id = %(id_1)s) AS anon_1, (SELECT resource_provider_traits.resource_provider_id
FROM resource_provider_traits
WHERE resource_provider_traits.trait_id = %(sharing_trait_id_of_value_1)s ORDER BY resource_provider_traits.trait_id, resource_provider_traits.resource_provider_id
 LIMIT %(param_1)s) AS anon_2, CAST(NULL AS TEXT) AS anon_3 UNION ALL SELECT -2, (SELECT resource_providers.id
FROM resource_providers
WHERE resource_providers.parent_provider_id > %(parent_provider_id_1)s ORDER BY resource_providers.parent_provider_id
 LIMIT %(param_2)s) AS anon_4, 0, CAST(NULL AS TEXT) AS anon_3 UNION ALL SELECT -3, count(*) AS row_count, CAST(sum(page.id) AS BIGINT) AS ids, CAST(sum(page.revision) AS TEXT) AS revisions
FROM (SELECT resource_providers.root_provider_id AS root_provider_id, resource_providers.id AS id, resource_providers.revision AS revision
FROM resource_providers
WHERE resource_providers.root_provider_id > %(after)s ORDER BY resource_providers.root_provider_id, resource_providers.id
 LIMIT %(size)s) AS page UNION ALL SELECT page.root_provider_id, page.id, page.revision, CAST(NULL AS TEXT) AS anon_3
FROM (SELECT resource_providers.root_provider_id AS root_provider_id, resource_providers.id AS id, resource_providers.revision AS revision
FROM resource_providers
WHERE resource_providers.root_provider_id > %(after)s ORDER BY resource_providers.root_provider_id, resource_providers.id
 LIMIT %(size)s) AS page
WHERE page.revision > %(since)s
