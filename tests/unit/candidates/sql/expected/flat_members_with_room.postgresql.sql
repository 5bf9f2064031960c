SELECT resource_providers.root_provider_id, resource_providers.id, resource_providers.revision
FROM resource_providers
WHERE resource_providers.id = ANY (ARRAY(SELECT inventories.resource_provider_id
FROM inventories
WHERE inventories.resource_class_id = %(resource_class_id)s AND inventories.min_unit <= %(amount)s AND inventories.max_unit >= %(amount)s AND %(amount)s %% inventories.step_size < %(param_1)s AND inventories.used + %(amount)s <= (inventories.total - inventories.reserved) * inventories.allocation_ratio)) AND resource_providers.id > %(after)s ORDER BY resource_providers.id
 LIMIT %(size)s
