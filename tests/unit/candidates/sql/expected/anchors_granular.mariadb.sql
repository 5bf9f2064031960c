SELECT root.id
FROM resource_providers AS root
WHERE coalesce(root.parent_provider_id, %s) < %s AND root.id = %s AND (SELECT provider.id
FROM resource_providers AS provider
WHERE provider.root_provider_id = root.id AND (SELECT count(*) AS count_1
FROM resource_provider_traits AS held_traits
WHERE held_traits.resource_provider_id = provider.id AND held_traits.trait_id IN (%s, %s)) >= %s AND (SELECT held_aggregates.resource_provider_id
FROM resource_provider_aggregates AS held_aggregates
WHERE held_aggregates.resource_provider_id = provider.id AND held_aggregates.aggregate_id IN (%s)
 LIMIT %s) IS NULL AND provider.state < 1 AND (SELECT offer.resource_provider_id
FROM inventories AS offer
WHERE offer.resource_provider_id = provider.id AND offer.resource_class_id = %s AND offer.min_unit <= %s AND offer.max_unit >= %s AND %s %% offer.step_size < %s AND offer.used + %s <= (offer.total - offer.reserved) * offer.allocation_ratio
 LIMIT %s) IS NOT NULL AND (SELECT offer.resource_provider_id
FROM inventories AS offer
WHERE offer.resource_provider_id = provider.id AND offer.resource_class_id = %s AND offer.min_unit <= %s AND offer.max_unit >= %s AND %s %% offer.step_size < %s AND offer.used + %s <= (offer.total - offer.reserved) * offer.allocation_ratio
 LIMIT %s) IS NOT NULL
 LIMIT %s) IS NOT NULL AND (SELECT provider.id
FROM resource_providers AS provider
WHERE provider.root_provider_id = root.id AND provider.state < 1 AND (SELECT offer.resource_provider_id
FROM inventories AS offer
WHERE offer.resource_provider_id = provider.id AND offer.resource_class_id = %s AND offer.min_unit <= %s AND offer.max_unit >= %s AND %s %% offer.step_size < %s AND offer.used + %s <= (offer.total - offer.reserved) * offer.allocation_ratio
 LIMIT %s) IS NOT NULL AND provider.root_provider_id = %s
 LIMIT %s) IS NOT NULL AND (SELECT provider.id
FROM resource_providers AS provider
WHERE provider.root_provider_id = root.id AND provider.state < 1 AND (SELECT offer.resource_provider_id
FROM inventories AS offer
WHERE offer.resource_provider_id = provider.id AND offer.resource_class_id = %s AND offer.min_unit <= %s AND offer.max_unit >= %s AND %s %% offer.step_size < %s AND offer.used + %s <= (offer.total - offer.reserved) * offer.allocation_ratio
 LIMIT %s) IS NOT NULL
 LIMIT %s) IS NOT NULL AND (SELECT count(*) AS count_2
FROM resource_providers AS `member`
WHERE `member`.root_provider_id = root.id) >= %s AND root.id > %s ORDER BY root.id
 LIMIT %s
