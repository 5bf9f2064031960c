SELECT root.id
FROM resource_providers AS root
WHERE root.parent_provider_id IS NULL AND (SELECT held_traits.resource_provider_id
FROM resource_provider_traits AS held_traits
WHERE held_traits.resource_provider_id = root.id AND held_traits.trait_id IN (?)
 LIMIT ? OFFSET ?) IS NOT NULL AND root.id IN (SELECT resource_providers.root_provider_id
FROM resource_providers JOIN (SELECT resource_provider_aggregates.resource_provider_id AS resource_provider_id
FROM resource_provider_aggregates
WHERE resource_provider_aggregates.aggregate_id IN (?, ?)) AS need ON need.resource_provider_id = resource_providers.id) AND (SELECT count(DISTINCT offer.resource_class_id) AS count_1
FROM resource_providers AS provider JOIN inventories AS offer ON offer.resource_provider_id = provider.id
WHERE provider.root_provider_id = root.id AND (SELECT held_traits.resource_provider_id
FROM resource_provider_traits AS held_traits
WHERE held_traits.resource_provider_id = provider.id AND held_traits.trait_id IN (?)
 LIMIT ? OFFSET ?) IS NULL AND ((SELECT held_aggregates.resource_provider_id
FROM resource_provider_aggregates AS held_aggregates
WHERE held_aggregates.resource_provider_id = provider.id AND held_aggregates.aggregate_id IN (?, ?)
 LIMIT ? OFFSET ?) IS NOT NULL OR (SELECT held_aggregates.resource_provider_id
FROM resource_provider_aggregates AS held_aggregates
WHERE held_aggregates.resource_provider_id = root.id AND held_aggregates.aggregate_id IN (?, ?)
 LIMIT ? OFFSET ?) IS NOT NULL) AND offer.resource_class_id IN (?, ?) AND (offer.resource_class_id = ? AND offer.min_unit <= ? AND offer.max_unit >= ? AND ? % offer.step_size < ? AND offer.used + ? <= (offer.total - offer.reserved) * offer.allocation_ratio OR offer.resource_class_id = ? AND offer.min_unit <= ? AND offer.max_unit >= ? AND ? % offer.step_size < ? AND offer.used + ? <= (offer.total - offer.reserved) * offer.allocation_ratio)) >= ? AND (SELECT provider.id
FROM resource_providers AS provider JOIN inventories AS offer ON offer.resource_provider_id = provider.id
WHERE provider.root_provider_id = root.id AND (SELECT held_traits.resource_provider_id
FROM resource_provider_traits AS held_traits
WHERE held_traits.resource_provider_id = provider.id AND held_traits.trait_id IN (?)
 LIMIT ? OFFSET ?) IS NOT NULL AND offer.resource_class_id IN (?, ?) AND (offer.resource_class_id = ? AND offer.min_unit <= ? AND offer.max_unit >= ? AND ? % offer.step_size < ? AND offer.used + ? <= (offer.total - offer.reserved) * offer.allocation_ratio OR offer.resource_class_id = ? AND offer.min_unit <= ? AND offer.max_unit >= ? AND ? % offer.step_size < ? AND offer.used + ? <= (offer.total - offer.reserved) * offer.allocation_ratio)
 LIMIT ? OFFSET ?) IS NOT NULL AND root.id > ? ORDER BY root.id
 LIMIT ? OFFSET ?
