SELECT root.id
FROM resource_providers AS root
WHERE coalesce(root.parent_provider_id, %(coalesce_1)s) < %(coalesce_2)s AND (SELECT held_traits.resource_provider_id
FROM resource_provider_traits AS held_traits
WHERE held_traits.resource_provider_id = root.id AND held_traits.trait_id IN (%(trait_id_1_1)s)
 LIMIT %(param_1)s) IS NOT NULL AND (SELECT member.id
FROM resource_providers AS member
WHERE member.root_provider_id = root.id AND (SELECT held_aggregates.resource_provider_id
FROM resource_provider_aggregates AS held_aggregates
WHERE held_aggregates.resource_provider_id = member.id AND held_aggregates.aggregate_id IN (%(aggregate_id_1_1)s, %(aggregate_id_1_2)s)
 LIMIT %(param_2)s) IS NOT NULL
 LIMIT %(param_3)s) IS NOT NULL AND (SELECT provider.id
FROM resource_providers AS provider
WHERE provider.root_provider_id = root.id AND (SELECT held_traits.resource_provider_id
FROM resource_provider_traits AS held_traits
WHERE held_traits.resource_provider_id = provider.id AND held_traits.trait_id IN (%(trait_id_2_1)s)
 LIMIT %(param_4)s) IS NULL AND ((SELECT held_aggregates.resource_provider_id
FROM resource_provider_aggregates AS held_aggregates
WHERE held_aggregates.resource_provider_id = provider.id AND held_aggregates.aggregate_id IN (%(aggregate_id_2_1)s, %(aggregate_id_2_2)s)
 LIMIT %(param_5)s) IS NOT NULL OR (SELECT held_aggregates.resource_provider_id
FROM resource_provider_aggregates AS held_aggregates
WHERE held_aggregates.resource_provider_id = root.id AND held_aggregates.aggregate_id IN (%(aggregate_id_3_1)s, %(aggregate_id_3_2)s)
 LIMIT %(param_6)s) IS NOT NULL) AND provider.state < 1 AND (SELECT offer.resource_provider_id
FROM inventories AS offer
WHERE offer.resource_provider_id = provider.id AND offer.resource_class_id = %(resource_class_id_1)s AND offer.min_unit <= %(param_7)s AND offer.max_unit >= %(param_7)s AND %(param_7)s %% offer.step_size < %(param_8)s AND offer.used + %(used_1)s <= (offer.total - offer.reserved) * offer.allocation_ratio
 LIMIT %(param_9)s) IS NOT NULL
 LIMIT %(param_10)s) IS NOT NULL AND (SELECT provider.id
FROM resource_providers AS provider
WHERE provider.root_provider_id = root.id AND (SELECT held_traits.resource_provider_id
FROM resource_provider_traits AS held_traits
WHERE held_traits.resource_provider_id = provider.id AND held_traits.trait_id IN (%(trait_id_3_1)s)
 LIMIT %(param_11)s) IS NULL AND ((SELECT held_aggregates.resource_provider_id
FROM resource_provider_aggregates AS held_aggregates
WHERE held_aggregates.resource_provider_id = provider.id AND held_aggregates.aggregate_id IN (%(aggregate_id_4_1)s, %(aggregate_id_4_2)s)
 LIMIT %(param_12)s) IS NOT NULL OR (SELECT held_aggregates.resource_provider_id
FROM resource_provider_aggregates AS held_aggregates
WHERE held_aggregates.resource_provider_id = root.id AND held_aggregates.aggregate_id IN (%(aggregate_id_5_1)s, %(aggregate_id_5_2)s)
 LIMIT %(param_13)s) IS NOT NULL) AND provider.state < 1 AND (SELECT offer.resource_provider_id
FROM inventories AS offer
WHERE offer.resource_provider_id = provider.id AND offer.resource_class_id = %(resource_class_id_2)s AND offer.min_unit <= %(param_14)s AND offer.max_unit >= %(param_14)s AND %(param_14)s %% offer.step_size < %(param_15)s AND offer.used + %(used_2)s <= (offer.total - offer.reserved) * offer.allocation_ratio
 LIMIT %(param_16)s) IS NOT NULL
 LIMIT %(param_17)s) IS NOT NULL AND (SELECT provider.id
FROM resource_providers AS provider
WHERE provider.root_provider_id = root.id AND (SELECT held_traits.resource_provider_id
FROM resource_provider_traits AS held_traits
WHERE held_traits.resource_provider_id = provider.id AND held_traits.trait_id IN (%(trait_id_4_1)s)
 LIMIT %(param_18)s) IS NOT NULL AND provider.state < 1 AND ((SELECT offer.resource_provider_id
FROM inventories AS offer
WHERE offer.resource_provider_id = provider.id AND offer.resource_class_id = %(resource_class_id_3)s AND offer.min_unit <= %(param_19)s AND offer.max_unit >= %(param_19)s AND %(param_19)s %% offer.step_size < %(param_20)s AND offer.used + %(used_3)s <= (offer.total - offer.reserved) * offer.allocation_ratio
 LIMIT %(param_21)s) IS NOT NULL OR (SELECT offer.resource_provider_id
FROM inventories AS offer
WHERE offer.resource_provider_id = provider.id AND offer.resource_class_id = %(resource_class_id_4)s AND offer.min_unit <= %(param_22)s AND offer.max_unit >= %(param_22)s AND %(param_22)s %% offer.step_size < %(param_23)s AND offer.used + %(used_4)s <= (offer.total - offer.reserved) * offer.allocation_ratio
 LIMIT %(param_24)s) IS NOT NULL)
 LIMIT %(param_25)s) IS NOT NULL AND root.id > %(id_1)s ORDER BY root.id
 LIMIT %(param_26)s
