SELECT root.id
FROM resource_providers AS root
WHERE root.parent_provider_id IS NULL AND ((SELECT provider.id
FROM resource_providers AS provider INNER JOIN inventories AS offer ON offer.resource_provider_id = provider.id
WHERE provider.root_provider_id = root.id AND offer.resource_class_id = %s AND offer.min_unit <= %s AND offer.max_unit >= %s AND %s %% offer.step_size < %s AND offer.used + %s <= (offer.total - offer.reserved) * offer.allocation_ratio
 LIMIT %s) IS NOT NULL OR (SELECT `member`.id
FROM resource_providers AS `member` INNER JOIN resource_provider_aggregates ON resource_provider_aggregates.resource_provider_id = `member`.id
WHERE `member`.root_provider_id = root.id AND resource_provider_aggregates.aggregate_id IN (%s)
 LIMIT %s) IS NOT NULL) AND (SELECT provider.id
FROM resource_providers AS provider INNER JOIN inventories AS offer ON offer.resource_provider_id = provider.id
WHERE provider.root_provider_id = root.id AND offer.resource_class_id = %s AND offer.min_unit <= %s AND offer.max_unit >= %s AND %s %% offer.step_size < %s AND offer.used + %s <= (offer.total - offer.reserved) * offer.allocation_ratio
 LIMIT %s) IS NOT NULL AND root.id > %s ORDER BY root.id
 LIMIT %s
