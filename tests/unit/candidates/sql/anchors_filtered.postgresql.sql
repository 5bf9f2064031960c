SELECT root.id
FROM resource_providers AS root
WHERE root.parent_provider_id IS NULL AND (SELECT held_traits.resource_provider_id
FROM resource_provider_traits AS held_traits
WHERE held_traits.resource_provider_id = root.id AND held_traits.trait_id IN (%(trait_id_1_1)s)
 LIMIT %(param_1)s) IS NOT NULL AND root.id IN (SELECT resource_providers.root_provider_id
FROM resource_providers JOIN (SELECT resource_provider_aggregates.resource_provider_id AS resource_provider_id
FROM resource_provider_aggregates
WHERE resource_provider_aggregates.aggregate_id IN (%(aggregate_id_1_1)s, %(aggregate_id_1_2)s)) AS need ON need.resource_provider_id = resource_providers.id) AND (SELECT count(DISTINCT offer.resource_class_id) AS count_1
FROM resource_providers AS provider JOIN inventories AS offer ON offer.resource_provider_id = provider.id
WHERE provider.root_provider_id = root.id AND (SELECT held_traits.resource_provider_id
FROM resource_provider_traits AS held_traits
WHERE held_traits.resource_provider_id = provider.id AND held_traits.trait_id IN (%(trait_id_2_1)s)
 LIMIT %(param_2)s) IS NULL AND ((SELECT held_aggregates.resource_provider_id
FROM resource_provider_aggregates AS held_aggregates
WHERE held_aggregates.resource_provider_id = provider.id AND held_aggregates.aggregate_id IN (%(aggregate_id_2_1)s, %(aggregate_id_2_2)s)
 LIMIT %(param_3)s) IS NOT NULL OR (SELECT held_aggregates.resource_provider_id
FROM resource_provider_aggregates AS held_aggregates
WHERE held_aggregates.resource_provider_id = root.id AND held_aggregates.aggregate_id IN (%(aggregate_id_3_1)s, %(aggregate_id_3_2)s)
 LIMIT %(param_4)s) IS NOT NULL) AND offer.resource_class_id IN (%(resource_class_id_1_1)s, %(resource_class_id_1_2)s) AND (offer.resource_class_id = %(resource_class_id_2)s AND offer.min_unit <= %(param_5)s AND offer.max_unit >= %(param_5)s AND %(param_5)s %% offer.step_size < %(param_6)s AND offer.used + %(used_1)s <= (offer.total - offer.reserved) * offer.allocation_ratio OR offer.resource_class_id = %(resource_class_id_3)s AND offer.min_unit <= %(param_7)s AND offer.max_unit >= %(param_7)s AND %(param_7)s %% offer.step_size < %(param_8)s AND offer.used + %(used_2)s <= (offer.total - offer.reserved) * offer.allocation_ratio)) >= %(param_9)s AND (SELECT provider.id
FROM resource_providers AS provider JOIN inventories AS offer ON offer.resource_provider_id = provider.id
WHERE provider.root_provider_id = root.id AND (SELECT held_traits.resource_provider_id
FROM resource_provider_traits AS held_traits
WHERE held_traits.resource_provider_id = provider.id AND held_traits.trait_id IN (%(trait_id_3_1)s)
 LIMIT %(param_10)s) IS NOT NULL AND offer.resource_class_id IN (%(resource_class_id_4_1)s, %(resource_class_id_4_2)s) AND (offer.resource_class_id = %(resource_class_id_5)s AND offer.min_unit <= %(param_11)s AND offer.max_unit >= %(param_11)s AND %(param_11)s %% offer.step_size < %(param_12)s AND offer.used + %(used_3)s <= (offer.total - offer.reserved) * offer.allocation_ratio OR offer.resource_class_id = %(resource_class_id_6)s AND offer.min_unit <= %(param_13)s AND offer.max_unit >= %(param_13)s AND %(param_13)s %% offer.step_size < %(param_14)s AND offer.used + %(used_4)s <= (offer.total - offer.reserved) * offer.allocation_ratio)
 LIMIT %(param_15)s) IS NOT NULL AND root.id > %(id_1)s ORDER BY root.id
 LIMIT %(param_16)s
