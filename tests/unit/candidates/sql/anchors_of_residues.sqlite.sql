SELECT root.id
FROM resource_providers AS root
WHERE root.parent_provider_id IS NULL AND (SELECT count(DISTINCT offer.resource_class_id) AS count_1
FROM resource_providers AS provider JOIN inventories AS offer ON offer.resource_provider_id = provider.id
WHERE provider.root_provider_id = root.id AND offer.resource_class_id IN (?, ?) AND (offer.resource_class_id = ? AND offer.min_unit <= ? AND offer.max_unit >= ? AND ? % offer.step_size < ? AND offer.used + ? <= (offer.total - offer.reserved) * offer.allocation_ratio OR offer.resource_class_id = ? AND offer.min_unit <= ? AND offer.max_unit >= ? AND ? % offer.step_size < ? AND offer.used + ? <= (offer.total - offer.reserved) * offer.allocation_ratio)) >= ? AND root.id % ? IN (3, 5) ORDER BY root.id
