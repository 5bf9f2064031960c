SELECT root.id
FROM resource_providers AS root
WHERE root.parent_provider_id IS NULL AND root.id = %s AND (SELECT provider.id
FROM resource_providers AS provider INNER JOIN inventories AS offer ON offer.resource_provider_id = provider.id
WHERE provider.root_provider_id = root.id AND (SELECT count(*) AS count_1
FROM resource_provider_traits AS held_traits
WHERE held_traits.resource_provider_id = provider.id AND held_traits.trait_id IN (%s, %s)) >= %s AND (SELECT held_aggregates.resource_provider_id
FROM resource_provider_aggregates AS held_aggregates
WHERE held_aggregates.resource_provider_id = provider.id AND held_aggregates.aggregate_id IN (%s)
 LIMIT %s) IS NULL AND offer.resource_class_id IN (%s, %s) AND (offer.resource_class_id = %s AND offer.min_unit <= %s AND offer.max_unit >= %s AND %s %% offer.step_size < %s AND offer.used + %s <= (offer.total - offer.reserved) * offer.allocation_ratio OR offer.resource_class_id = %s AND offer.min_unit <= %s AND offer.max_unit >= %s AND %s %% offer.step_size < %s AND offer.used + %s <= (offer.total - offer.reserved) * offer.allocation_ratio) GROUP BY provider.id
HAVING count(*) >= %s
 LIMIT %s) IS NOT NULL AND (SELECT provider.id
FROM resource_providers AS provider INNER JOIN inventories AS offer ON offer.resource_provider_id = provider.id
WHERE provider.root_provider_id = root.id AND provider.root_provider_id = %s AND offer.resource_class_id = %s AND offer.min_unit <= %s AND offer.max_unit >= %s AND %s %% offer.step_size < %s AND offer.used + %s <= (offer.total - offer.reserved) * offer.allocation_ratio
 LIMIT %s) IS NOT NULL AND (SELECT provider.id
FROM resource_providers AS provider INNER JOIN inventories AS offer ON offer.resource_provider_id = provider.id
WHERE provider.root_provider_id = root.id AND offer.resource_class_id = %s AND offer.min_unit <= %s AND offer.max_unit >= %s AND %s %% offer.step_size < %s AND offer.used + %s <= (offer.total - offer.reserved) * offer.allocation_ratio
 LIMIT %s) IS NOT NULL AND (SELECT count(*) AS count_3
FROM resource_providers AS `member`
WHERE `member`.root_provider_id = root.id) >= %s AND root.id > %s ORDER BY root.id
 LIMIT %s
