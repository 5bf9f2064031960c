SELECT count(*) AS count_1
FROM (SELECT resource_provider_traits.resource_provider_id AS resource_provider_id
FROM resource_provider_traits
WHERE resource_provider_traits.trait_id IN (%s)
 LIMIT %s) AS some
