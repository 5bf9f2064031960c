SELECT root.id
FROM resource_providers AS root
WHERE coalesce(root.parent_provider_id, ?) < ? AND (SELECT held_traits.resource_provider_id
FROM resource_provider_traits AS held_traits
WHERE held_traits.resource_provider_id = root.id AND held_traits.trait_id IN (?)
 LIMIT ? OFFSET ?) IS NOT NULL AND (SELECT member.id
FROM resource_providers AS member
WHERE member.root_provider_id = root.id AND (SELECT held_aggregates.resource_provider_id
FROM resource_provider_aggregates AS held_aggregates
WHERE held_aggregates.resource_provider_id = member.id AND held_aggregates.aggregate_id IN (?, ?)
 LIMIT ? OFFSET ?) IS NOT NULL
 LIMIT ? OFFSET ?) IS NOT NULL AND (SELECT provider.id
FROM resource_providers AS provider
WHERE provider.root_provider_id = root.id AND (SELECT held_traits.resource_provider_id
FROM resource_provider_traits AS held_traits
WHERE held_traits.resource_provider_id = provider.id AND held_traits.trait_id IN (?)
 LIMIT ? OFFSET ?) IS NULL AND ((SELECT held_aggregates.resource_provider_id
FROM resource_provider_aggregates AS held_aggregates
WHERE held_aggregates.resource_provider_id = provider.id AND held_aggregates.aggregate_id IN (?, ?)
 LIMIT ? OFFSET ?) IS NOT NULL OR (SELECT held_aggregates.resource_provider_id
FROM resource_provider_aggregates AS held_aggregates
WHERE held_aggregates.resource_provider_id = root.id AND held_aggregates.aggregate_id IN (?, ?)
 LIMIT ? OFFSET ?) IS NOT NULL) AND provider.state < 1 AND (SELECT offer.resource_provider_id
FROM inventories AS offer
WHERE offer.resource_provider_id = provider.id AND offer.resource_class_id = ? AND offer.min_unit <= ? AND offer.max_unit >= ? AND ? % offer.step_size < ? AND offer.used + ? <= (offer.total - offer.reserved) * offer.allocation_ratio
 LIMIT ? OFFSET ?) IS NOT NULL
 LIMIT ? OFFSET ?) IS NOT NULL AND (SELECT provider.id
FROM resource_providers AS provider
WHERE provider.root_provider_id = root.id AND (SELECT held_traits.resource_provider_id
FROM resource_provider_traits AS held_traits
WHERE held_traits.resource_provider_id = provider.id AND held_traits.trait_id IN (?)
 LIMIT ? OFFSET ?) IS NULL AND ((SELECT held_aggregates.resource_provider_id
FROM resource_provider_aggregates AS held_aggregates
WHERE held_aggregates.resource_provider_id = provider.id AND held_aggregates.aggregate_id IN (?, ?)
 LIMIT ? OFFSET ?) IS NOT NULL OR (SELECT held_aggregates.resource_provider_id
FROM resource_provider_aggregates AS held_aggregates
WHERE held_aggregates.resource_provider_id = root.id AND held_aggregates.aggregate_id IN (?, ?)
 LIMIT ? OFFSET ?) IS NOT NULL) AND provider.state < 1 AND (SELECT offer.resource_provider_id
FROM inventories AS offer
WHERE offer.resource_provider_id = provider.id AND offer.resource_class_id = ? AND offer.min_unit <= ? AND offer.max_unit >= ? AND ? % offer.step_size < ? AND offer.used + ? <= (offer.total - offer.reserved) * offer.allocation_ratio
 LIMIT ? OFFSET ?) IS NOT NULL
 LIMIT ? OFFSET ?) IS NOT NULL AND (SELECT provider.id
FROM resource_providers AS provider
WHERE provider.root_provider_id = root.id AND (SELECT held_traits.resource_provider_id
FROM resource_provider_traits AS held_traits
WHERE held_traits.resource_provider_id = provider.id AND held_traits.trait_id IN (?)
 LIMIT ? OFFSET ?) IS NOT NULL AND provider.state < 1 AND ((SELECT offer.resource_provider_id
FROM inventories AS offer
WHERE offer.resource_provider_id = provider.id AND offer.resource_class_id = ? AND offer.min_unit <= ? AND offer.max_unit >= ? AND ? % offer.step_size < ? AND offer.used + ? <= (offer.total - offer.reserved) * offer.allocation_ratio
 LIMIT ? OFFSET ?) IS NOT NULL OR (SELECT offer.resource_provider_id
FROM inventories AS offer
WHERE offer.resource_provider_id = provider.id AND offer.resource_class_id = ? AND offer.min_unit <= ? AND offer.max_unit >= ? AND ? % offer.step_size < ? AND offer.used + ? <= (offer.total - offer.reserved) * offer.allocation_ratio
 LIMIT ? OFFSET ?) IS NOT NULL)
 LIMIT ? OFFSET ?) IS NOT NULL AND root.id > ? ORDER BY root.id
 LIMIT ? OFFSET ?
