SELECT root.id
FROM resource_providers AS root
WHERE root.parent_provider_id IS NULL AND (SELECT held_traits.resource_provider_id
FROM resource_provider_traits AS held_traits
WHERE held_traits.resource_provider_id = root.id AND held_traits.trait_id IN (%s)
 LIMIT %s) IS NOT NULL AND root.id IN (SELECT resource_providers.root_provider_id
FROM resource_providers INNER JOIN (SELECT resource_provider_aggregates.resource_provider_id AS resource_provider_id
FROM resource_provider_aggregates
WHERE resource_provider_aggregates.aggregate_id IN (%s, %s)) AS need ON need.resource_provider_id = resource_providers.id) AND (SELECT count(DISTINCT offer.resource_class_id) AS count_1
FROM resource_providers AS provider INNER JOIN inventories AS offer ON offer.resource_provider_id = provider.id
WHERE provider.root_provider_id = root.id AND (SELECT held_traits.resource_provider_id
FROM resource_provider_traits AS held_traits
WHERE held_traits.resource_provider_id = provider.id AND held_traits.trait_id IN (%s)
 LIMIT %s) IS NULL AND ((SELECT held_aggregates.resource_provider_id
FROM resource_provider_aggregates AS held_aggregates
WHERE held_aggregates.resource_provider_id = provider.id AND held_aggregates.aggregate_id IN (%s, %s)
 LIMIT %s) IS NOT NULL OR (SELECT held_aggregates.resource_provider_id
FROM resource_provider_aggregates AS held_aggregates
WHERE held_aggregates.resource_provider_id = root.id AND held_aggregates.aggregate_id IN (%s, %s)
 LIMIT %s) IS NOT NULL) AND offer.resource_class_id IN (%s, %s) AND (offer.resource_class_id = %s AND offer.min_unit <= %s AND offer.max_unit >= %s AND %s %% offer.step_size < %s AND offer.used + %s <= (offer.total - offer.reserved) * offer.allocation_ratio OR offer.resource_class_id = %s AND offer.min_unit <= %s AND offer.max_unit >= %s AND %s %% offer.step_size < %s AND offer.used + %s <= (offer.total - offer.reserved) * offer.allocation_ratio)) >= %s AND (SELECT provider.id
FROM resource_providers AS provider INNER JOIN inventories AS offer ON offer.resource_provider_id = provider.id
WHERE provider.root_provider_id = root.id AND (SELECT held_traits.resource_provider_id
FROM resource_provider_traits AS held_traits
WHERE held_traits.resource_provider_id = provider.id AND held_traits.trait_id IN (%s)
 LIMIT %s) IS NOT NULL AND offer.resource_class_id IN (%s, %s) AND (offer.resource_class_id = %s AND offer.min_unit <= %s AND offer.max_unit >= %s AND %s %% offer.step_size < %s AND offer.used + %s <= (offer.total - offer.reserved) * offer.allocation_ratio OR offer.resource_class_id = %s AND offer.min_unit <= %s AND offer.max_unit >= %s AND %s %% offer.step_size < %s AND offer.used + %s <= (offer.total - offer.reserved) * offer.allocation_ratio)
 LIMIT %s) IS NOT NULL AND root.id > %s ORDER BY root.id
 LIMIT %s
