SELECT root.id
FROM resource_providers AS root
WHERE root.parent_provider_id IS NULL AND ((SELECT provider.id
FROM resource_providers AS provider JOIN inventories AS offer ON offer.resource_provider_id = provider.id
WHERE provider.root_provider_id = root.id AND offer.resource_class_id = ? AND offer.min_unit <= ? AND offer.max_unit >= ? AND ? % offer.step_size < ? AND offer.used + ? <= (offer.total - offer.reserved) * offer.allocation_ratio
 LIMIT ? OFFSET ?) IS NOT NULL OR (SELECT member.id
FROM resource_providers AS member JOIN resource_provider_aggregates ON resource_provider_aggregates.resource_provider_id = member.id
WHERE member.root_provider_id = root.id AND resource_provider_aggregates.aggregate_id IN (?)
 LIMIT ? OFFSET ?) IS NOT NULL) AND (SELECT provider.id
FROM resource_providers AS provider JOIN inventories AS offer ON offer.resource_provider_id = provider.id
WHERE provider.root_provider_id = root.id AND offer.resource_class_id = ? AND offer.min_unit <= ? AND offer.max_unit >= ? AND ? % offer.step_size < ? AND offer.used + ? <= (offer.total - offer.reserved) * offer.allocation_ratio
 LIMIT ? OFFSET ?) IS NOT NULL AND root.id > ? ORDER BY root.id
 LIMIT ? OFFSET ?
