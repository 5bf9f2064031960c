SELECT placement_limited_usages.used
FROM placement_limited_usages
WHERE placement_limited_usages.project_id = (SELECT projects.external_id
FROM projects JOIN consumers ON consumers.project_id = projects.id
WHERE consumers.uuid = %(consumer)s) AND (placement_limited_usages.resource_class_id = %(resource_class_id_1)s OR placement_limited_usages.resource_class_id IN (SELECT allocations.resource_class_id
FROM allocations
WHERE allocations.consumer_id = %(consumer)s)) ORDER BY placement_limited_usages.project_id, placement_limited_usages.resource_class_id FOR UPDATE OF placement_limited_usages
