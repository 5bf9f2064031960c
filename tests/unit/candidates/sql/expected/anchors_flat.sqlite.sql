SELECT root.id
FROM resource_providers AS root
WHERE coalesce(root.parent_provider_id, ?) < ? AND (SELECT provider.id
FROM resource_providers AS provider
WHERE provider.root_provider_id = root.id AND provider.state < 1 AND (SELECT offer.resource_provider_id
FROM inventories AS offer
WHERE offer.resource_provider_id = provider.id AND offer.resource_class_id = ? AND offer.min_unit <= ? AND offer.max_unit >= ? AND ? % offer.step_size < ? AND offer.used + ? <= (offer.total - offer.reserved) * offer.allocation_ratio
 LIMIT ? OFFSET ?) IS NOT NULL
 LIMIT ? OFFSET ?) IS NOT NULL AND (SELECT provider.id
FROM resource_providers AS provider
WHERE provider.root_provider_id = root.id AND provider.state < 1 AND (SELECT offer.resource_provider_id
FROM inventories AS offer
WHERE offer.resource_provider_id = provider.id AND offer.resource_class_id = ? AND offer.min_unit <= ? AND offer.max_unit >= ? AND ? % offer.step_size < ? AND offer.used + ? <= (offer.total - offer.reserved) * offer.allocation_ratio
 LIMIT ? OFFSET ?) IS NOT NULL
 LIMIT ? OFFSET ?) IS NOT NULL AND root.id > ? ORDER BY root.id
 LIMIT ? OFFSET ?
