SELECT root.id
FROM resource_providers AS root
WHERE coalesce(root.parent_provider_id, %(coalesce_1)s) < %(coalesce_2)s AND root.id = %(id_1)s AND (SELECT provider.id
FROM resource_providers AS provider
WHERE provider.root_provider_id = root.id AND (SELECT count(*) AS count_1
FROM resource_provider_traits AS held_traits
WHERE held_traits.resource_provider_id = provider.id AND held_traits.trait_id IN (%(trait_id_1_1)s, %(trait_id_1_2)s)) >= %(param_1)s AND (SELECT held_aggregates.resource_provider_id
FROM resource_provider_aggregates AS held_aggregates
WHERE held_aggregates.resource_provider_id = provider.id AND held_aggregates.aggregate_id IN (%(aggregate_id_1_1)s)
 LIMIT %(param_2)s) IS NULL AND provider.state < 1 AND (SELECT offer.resource_provider_id
FROM inventories AS offer
WHERE offer.resource_provider_id = provider.id AND offer.resource_class_id = %(resource_class_id_1)s AND offer.min_unit <= %(param_3)s AND offer.max_unit >= %(param_3)s AND %(param_3)s %% offer.step_size < %(param_4)s AND offer.used + %(used_1)s <= (offer.total - offer.reserved) * offer.allocation_ratio
 LIMIT %(param_5)s) IS NOT NULL AND (SELECT offer.resource_provider_id
FROM inventories AS offer
WHERE offer.resource_provider_id = provider.id AND offer.resource_class_id = %(resource_class_id_2)s AND offer.min_unit <= %(param_6)s AND offer.max_unit >= %(param_6)s AND %(param_6)s %% offer.step_size < %(param_7)s AND offer.used + %(used_2)s <= (offer.total - offer.reserved) * offer.allocation_ratio
 LIMIT %(param_8)s) IS NOT NULL
 LIMIT %(param_9)s) IS NOT NULL AND (SELECT provider.id
FROM resource_providers AS provider
WHERE provider.root_provider_id = root.id AND provider.state < 1 AND (SELECT offer.resource_provider_id
FROM inventories AS offer
WHERE offer.resource_provider_id = provider.id AND offer.resource_class_id = %(resource_class_id_3)s AND offer.min_unit <= %(param_10)s AND offer.max_unit >= %(param_10)s AND %(param_10)s %% offer.step_size < %(param_11)s AND offer.used + %(used_3)s <= (offer.total - offer.reserved) * offer.allocation_ratio
 LIMIT %(param_12)s) IS NOT NULL AND provider.root_provider_id = %(root_provider_id_1)s
 LIMIT %(param_13)s) IS NOT NULL AND (SELECT provider.id
FROM resource_providers AS provider
WHERE provider.root_provider_id = root.id AND provider.state < 1 AND (SELECT offer.resource_provider_id
FROM inventories AS offer
WHERE offer.resource_provider_id = provider.id AND offer.resource_class_id = %(resource_class_id_4)s AND offer.min_unit <= %(param_14)s AND offer.max_unit >= %(param_14)s AND %(param_14)s %% offer.step_size < %(param_15)s AND offer.used + %(used_4)s <= (offer.total - offer.reserved) * offer.allocation_ratio
 LIMIT %(param_16)s) IS NOT NULL
 LIMIT %(param_17)s) IS NOT NULL AND (SELECT count(*) AS count_2
FROM resource_providers AS member
WHERE member.root_provider_id = root.id) >= %(param_18)s AND root.id > %(id_2)s ORDER BY root.id
 LIMIT %(param_19)s
