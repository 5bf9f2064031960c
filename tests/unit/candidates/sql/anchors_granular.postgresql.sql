SELECT root.id
FROM resource_providers AS root
WHERE root.parent_provider_id IS NULL AND root.id = %(id_1)s AND (SELECT provider.id
FROM resource_providers AS provider JOIN inventories AS offer ON offer.resource_provider_id = provider.id
WHERE provider.root_provider_id = root.id AND (SELECT count(*) AS count_1
FROM resource_provider_traits AS held_traits
WHERE held_traits.resource_provider_id = provider.id AND held_traits.trait_id IN (%(trait_id_1_1)s, %(trait_id_1_2)s)) >= %(param_1)s AND (SELECT held_aggregates.resource_provider_id
FROM resource_provider_aggregates AS held_aggregates
WHERE held_aggregates.resource_provider_id = provider.id AND held_aggregates.aggregate_id IN (%(aggregate_id_1_1)s)
 LIMIT %(param_2)s) IS NULL AND offer.resource_class_id IN (%(resource_class_id_1_1)s, %(resource_class_id_1_2)s) AND (offer.resource_class_id = %(resource_class_id_2)s AND offer.min_unit <= %(param_3)s AND offer.max_unit >= %(param_3)s AND %(param_3)s %% offer.step_size < %(param_4)s AND offer.used + %(used_1)s <= (offer.total - offer.reserved) * offer.allocation_ratio OR offer.resource_class_id = %(resource_class_id_3)s AND offer.min_unit <= %(param_5)s AND offer.max_unit >= %(param_5)s AND %(param_5)s %% offer.step_size < %(param_6)s AND offer.used + %(used_2)s <= (offer.total - offer.reserved) * offer.allocation_ratio) GROUP BY provider.id
HAVING count(*) >= %(count_2)s
 LIMIT %(param_7)s) IS NOT NULL AND (SELECT provider.id
FROM resource_providers AS provider JOIN inventories AS offer ON offer.resource_provider_id = provider.id
WHERE provider.root_provider_id = root.id AND provider.root_provider_id = %(root_provider_id_1)s AND offer.resource_class_id = %(resource_class_id_4)s AND offer.min_unit <= %(param_8)s AND offer.max_unit >= %(param_8)s AND %(param_8)s %% offer.step_size < %(param_9)s AND offer.used + %(used_3)s <= (offer.total - offer.reserved) * offer.allocation_ratio
 LIMIT %(param_10)s) IS NOT NULL AND (SELECT provider.id
FROM resource_providers AS provider JOIN inventories AS offer ON offer.resource_provider_id = provider.id
WHERE provider.root_provider_id = root.id AND offer.resource_class_id = %(resource_class_id_5)s AND offer.min_unit <= %(param_11)s AND offer.max_unit >= %(param_11)s AND %(param_11)s %% offer.step_size < %(param_12)s AND offer.used + %(used_4)s <= (offer.total - offer.reserved) * offer.allocation_ratio
 LIMIT %(param_13)s) IS NOT NULL AND (SELECT count(*) AS count_3
FROM resource_providers AS member
WHERE member.root_provider_id = root.id) >= %(param_14)s AND root.id > %(id_2)s ORDER BY root.id
 LIMIT %(param_15)s
