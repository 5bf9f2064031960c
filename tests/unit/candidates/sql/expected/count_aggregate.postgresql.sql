SELECT count(*) AS count_1
FROM (SELECT resource_provider_aggregates.resource_provider_id AS resource_provider_id
FROM resource_provider_aggregates
WHERE resource_provider_aggregates.aggregate_id IN (%(need_0)s, %(need_1)s)
 LIMIT %(most)s) AS "some"
