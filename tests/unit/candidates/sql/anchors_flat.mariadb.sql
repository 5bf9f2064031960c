SELECT root.id
FROM resource_providers AS root
WHERE root.parent_provider_id IS NULL AND (SELECT count(DISTINCT offer.resource_class_id) AS count_1
FROM resource_providers AS provider INNER JOIN inventories AS offer ON offer.resource_provider_id = provider.id
WHERE provider.root_provider_id = root.id AND offer.resource_class_id IN (%s, %s) AND (offer.resource_class_id = %s AND offer.min_unit <= %s AND offer.max_unit >= %s AND %s %% offer.step_size < %s AND offer.used + %s <= (offer.total - offer.reserved) * offer.allocation_ratio OR offer.resource_class_id = %s AND offer.min_unit <= %s AND offer.max_unit >= %s AND %s %% offer.step_size < %s AND offer.used + %s <= (offer.total - offer.reserved) * offer.allocation_ratio)) >= %s AND root.id > %s ORDER BY root.id
 LIMIT %s
