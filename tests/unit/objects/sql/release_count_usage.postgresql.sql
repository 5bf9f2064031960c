WITH limited AS
(SELECT held.project_id AS project_id, held.class_id AS class_id, held.change AS change, coalesce(own.max_units, by_default.max_units) AS max_units
FROM (SELECT (SELECT projects.external_id
FROM projects JOIN consumers ON consumers.project_id = projects.id
WHERE consumers.uuid = %(consumer)s) AS project_id, changes.class_id AS class_id, changes.change AS change
FROM (SELECT allocations.resource_class_id AS class_id, -sum(allocations.used) AS change
FROM allocations
WHERE allocations.consumer_id = %(consumer)s GROUP BY allocations.resource_class_id UNION ALL SELECT -1, -1
WHERE EXISTS (SELECT *
FROM allocations
WHERE allocations.consumer_id = %(consumer)s)) AS changes) AS held LEFT OUTER JOIN placement_limits AS own ON own.project_id = held.project_id AND own.resource_class_id = held.class_id LEFT OUTER JOIN placement_limits AS by_default ON by_default.project_id = %(project_id_1)s AND by_default.resource_class_id = held.class_id
WHERE coalesce(own.max_units, by_default.max_units) IS NOT NULL),
counted AS
(UPDATE placement_limited_usages SET used=(placement_limited_usages.used + limited.change) FROM limited WHERE placement_limited_usages.project_id = limited.project_id AND placement_limited_usages.resource_class_id = limited.class_id AND (limited.change <= %(change_1)s OR placement_limited_usages.used + limited.change <= limited.max_units) RETURNING placement_limited_usages.resource_class_id)
 SELECT CAST(CASE WHEN ((SELECT count(*) AS count_1
FROM counted) = (SELECT count(*) AS count_2
FROM limited)) THEN '1' ELSE 'condition not met, Placement handles this' END AS INTEGER) AS anon_1
