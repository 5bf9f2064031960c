WITH summary AS
(SELECT count(*) AS row_count, CAST(sum(page.id) AS BIGINT) AS ids, CAST(sum(page.revision) AS TEXT) AS revisions, array_agg(page.id) FILTER (WHERE page.revision > %(since)s) AS changed
FROM (SELECT resource_providers.root_provider_id AS root_provider_id, resource_providers.id AS id, resource_providers.revision AS revision
FROM resource_providers
WHERE resource_providers.root_provider_id > %(after)s ORDER BY resource_providers.root_provider_id, resource_providers.id
 LIMIT %(size)s) AS page)
 SELECT -1, (SELECT placement_name_changes.revision
FROM placement_name_changes
WHERE placement_name_changes.id = %(id_1)s) AS anon_1, (SELECT resource_provider_traits.resource_provider_id
FROM resource_provider_traits
WHERE resource_provider_traits.trait_id = %(sharing_trait_id_of_value_1)s ORDER BY resource_provider_traits.trait_id, resource_provider_traits.resource_provider_id
 LIMIT %(param_1)s) AS anon_2, CAST(NULL AS TEXT) AS anon_3 UNION ALL SELECT -2, (SELECT resource_providers.id
FROM resource_providers
WHERE resource_providers.parent_provider_id > %(parent_provider_id_1)s ORDER BY resource_providers.parent_provider_id
 LIMIT %(param_2)s) AS anon_4, 0, CAST(NULL AS TEXT) AS anon_3 UNION ALL SELECT -3, summary.row_count, summary.ids, summary.revisions
FROM summary UNION ALL SELECT changed.root_provider_id, changed.id, changed.revision, CASE WHEN (CASE WHEN (changed.revision & 1 = 1) THEN changed.definition_revision ELSE changed.revision END <= %(newest)s) THEN CAST(array_prepend(CASE WHEN (changed.revision & 1 = 1) THEN changed.definition_revision ELSE changed.revision END, array((SELECT inventories.used
FROM inventories
WHERE inventories.resource_provider_id = changed.id ORDER BY inventories.resource_provider_id, inventories.resource_class_id))) AS TEXT) ELSE CAST(json_build_array(CASE WHEN (changed.revision & 1 = 1) THEN changed.definition_revision ELSE changed.revision END, changed.uuid, changed.parent_provider_id, changed.state, array((SELECT resource_provider_traits.trait_id
FROM resource_provider_traits
WHERE resource_provider_traits.resource_provider_id = changed.id ORDER BY resource_provider_traits.resource_provider_id, resource_provider_traits.trait_id)), array((SELECT resource_provider_aggregates.aggregate_id
FROM resource_provider_aggregates
WHERE resource_provider_aggregates.resource_provider_id = changed.id ORDER BY resource_provider_aggregates.resource_provider_id, resource_provider_aggregates.aggregate_id)), (SELECT json_agg(json_build_array(inventories.resource_class_id, inventories.total, inventories.reserved, inventories.min_unit, inventories.max_unit, inventories.step_size, inventories.allocation_ratio, inventories.used) ORDER BY inventories.resource_class_id) AS json_agg_1
FROM inventories
WHERE inventories.resource_provider_id = changed.id)) AS TEXT) END AS anon_5
FROM resource_providers AS changed
WHERE changed.id = ANY (CAST((SELECT summary.changed
FROM summary) AS BIGINT[]))
