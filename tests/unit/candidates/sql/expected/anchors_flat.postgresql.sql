SELECT root.id
FROM resource_providers AS root
WHERE coalesce(root.parent_provider_id, %(coalesce_1)s) < %(coalesce_2)s AND (SELECT provider.id
FROM resource_providers AS provider
WHERE provider.root_provider_id = root.id AND provider.state < 1 AND (SELECT offer.resource_provider_id
FROM inventories AS offer
WHERE offer.resource_provider_id = provider.id AND offer.resource_class_id = %(resource_class_id_1)s AND offer.min_unit <= %(param_1)s AND offer.max_unit >= %(param_1)s AND %(param_1)s %% offer.step_size < %(param_2)s AND offer.used + %(used_1)s <= (offer.total - offer.reserved) * offer.allocation_ratio
 LIMIT %(param_3)s) IS NOT NULL
 LIMIT %(param_4)s) IS NOT NULL AND (SELECT provider.id
FROM resource_providers AS provider
WHERE provider.root_provider_id = root.id AND provider.state < 1 AND (SELECT offer.resource_provider_id
FROM inventories AS offer
WHERE offer.resource_provider_id = provider.id AND offer.resource_class_id = %(resource_class_id_2)s AND offer.min_unit <= %(param_5)s AND offer.max_unit >= %(param_5)s AND %(param_5)s %% offer.step_size < %(param_6)s AND offer.used + %(used_2)s <= (offer.total - offer.reserved) * offer.allocation_ratio
 LIMIT %(param_7)s) IS NOT NULL
 LIMIT %(param_8)s) IS NOT NULL AND root.id > %(id_1)s ORDER BY root.id
 LIMIT %(param_9)s
