SELECT provider.id
FROM resource_providers AS provider
WHERE provider.id IN (SELECT inventories.resource_provider_id
FROM inventories
WHERE inventories.resource_class_id = %s AND inventories.min_unit <= %s AND inventories.max_unit >= %s AND %s %% inventories.step_size < %s AND inventories.used + %s <= (inventories.total - inventories.reserved) * inventories.allocation_ratio) AND provider.id IN (SELECT resource_provider_traits.resource_provider_id
FROM resource_provider_traits
WHERE resource_provider_traits.trait_id IN (%s)) AND (SELECT held_traits.resource_provider_id
FROM resource_provider_traits AS held_traits
WHERE held_traits.resource_provider_id = provider.id AND held_traits.trait_id IN (%s)
 LIMIT %s) IS NULL AND (SELECT held_aggregates.resource_provider_id
FROM resource_provider_aggregates AS held_aggregates
WHERE held_aggregates.resource_provider_id = provider.id AND held_aggregates.aggregate_id IN (%s)
 LIMIT %s) IS NULL AND provider.name = %s
