SELECT count(*) AS count_1
FROM (SELECT resource_provider_aggregates.resource_provider_id AS resource_provider_id
FROM resource_provider_aggregates
WHERE resource_provider_aggregates.aggregate_id IN (?, ?)
 LIMIT ? OFFSET ?) AS some
