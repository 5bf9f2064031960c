SELECT root.id
FROM resource_providers AS root
WHERE root.parent_provider_id IS NULL AND (SELECT count(DISTINCT offer.resource_class_id) AS count_1
FROM resource_providers AS provider JOIN inventories AS offer ON offer.resource_provider_id = provider.id
WHERE provider.root_provider_id = root.id AND offer.resource_class_id IN (%(resource_class_id_1_1)s, %(resource_class_id_1_2)s) AND (offer.resource_class_id = %(resource_class_id_2)s AND offer.min_unit <= %(param_1)s AND offer.max_unit >= %(param_1)s AND %(param_1)s %% offer.step_size < %(param_2)s AND offer.used + %(used_1)s <= (offer.total - offer.reserved) * offer.allocation_ratio OR offer.resource_class_id = %(resource_class_id_3)s AND offer.min_unit <= %(param_3)s AND offer.max_unit >= %(param_3)s AND %(param_3)s %% offer.step_size < %(param_4)s AND offer.used + %(used_2)s <= (offer.total - offer.reserved) * offer.allocation_ratio)) >= %(param_5)s AND root.id > %(id_1)s ORDER BY root.id
 LIMIT %(param_6)s
