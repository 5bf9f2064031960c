SELECT root.id
FROM resource_providers AS root
WHERE coalesce(root.parent_provider_id, %s) < %s AND ((SELECT provider.id
FROM resource_providers AS provider
WHERE provider.root_provider_id = root.id AND provider.state < 1 AND (SELECT offer.resource_provider_id
FROM inventories AS offer
WHERE offer.resource_provider_id = provider.id AND offer.resource_class_id = %s AND offer.min_unit <= %s AND offer.max_unit >= %s AND %s %% offer.step_size < %s AND offer.used + %s <= (offer.total - offer.reserved) * offer.allocation_ratio
 LIMIT %s) IS NOT NULL
 LIMIT %s) IS NOT NULL OR (SELECT `member`.id
FROM resource_providers AS `member`
WHERE `member`.root_provider_id = root.id AND (SELECT held_aggregates.resource_provider_id
FROM resource_provider_aggregates AS held_aggregates
WHERE held_aggregates.resource_provider_id = `member`.id AND held_aggregates.aggregate_id IN (%s)
 LIMIT %s) IS NOT NULL
 LIMIT %s) IS NOT NULL) AND (SELECT provider.id
FROM resource_providers AS provider
WHERE provider.root_provider_id = root.id AND provider.state < 1 AND (SELECT offer.resource_provider_id
FROM inventories AS offer
WHERE offer.resource_provider_id = provider.id AND offer.resource_class_id = %s AND offer.min_unit <= %s AND offer.max_unit >= %s AND %s %% offer.step_size < %s AND offer.used + %s <= (offer.total - offer.reserved) * offer.allocation_ratio
 LIMIT %s) IS NOT NULL
 LIMIT %s) IS NOT NULL AND root.id > %s ORDER BY root.id
 LIMIT %s
