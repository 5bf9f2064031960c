SELECT provider.id
FROM resource_providers AS provider
WHERE provider.id IN (SELECT inventories.resource_provider_id
FROM inventories
WHERE inventories.resource_class_id = %(resource_class_id_1)s AND inventories.min_unit <= %(param_1)s AND inventories.max_unit >= %(param_1)s AND %(param_1)s %% inventories.step_size < %(param_2)s AND inventories.used + %(used_1)s <= (inventories.total - inventories.reserved) * inventories.allocation_ratio) AND provider.id IN (SELECT resource_provider_traits.resource_provider_id
FROM resource_provider_traits
WHERE resource_provider_traits.trait_id IN (%(trait_id_1_1)s)) AND (SELECT held_traits.resource_provider_id
FROM resource_provider_traits AS held_traits
WHERE held_traits.resource_provider_id = provider.id AND held_traits.trait_id IN (%(trait_id_2_1)s)
 LIMIT %(param_3)s) IS NULL AND (SELECT held_aggregates.resource_provider_id
FROM resource_provider_aggregates AS held_aggregates
WHERE held_aggregates.resource_provider_id = provider.id AND held_aggregates.aggregate_id IN (%(aggregate_id_1_1)s)
 LIMIT %(param_4)s) IS NULL AND provider.name = %(name_1)s
