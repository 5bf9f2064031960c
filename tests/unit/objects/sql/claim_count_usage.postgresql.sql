WITH limited AS
(SELECT wanted.projects AS project_id, wanted.classes AS class_id, wanted.changes AS change, coalesce(own.max_units, by_default.max_units) AS max_units
FROM unnest(CAST(%(projects)s AS TEXT[]), CAST(%(classes)s AS INTEGER[]), CAST(%(changes)s AS BIGINT[])) AS wanted(projects, classes, changes) LEFT OUTER JOIN placement_limits AS own ON own.project_id = wanted.projects AND own.resource_class_id = wanted.classes LEFT OUTER JOIN placement_limits AS by_default ON by_default.project_id = %(project_id_1)s AND by_default.resource_class_id = wanted.classes
WHERE coalesce(own.max_units, by_default.max_units) IS NOT NULL),
counted AS
(UPDATE placement_limited_usages SET used=(placement_limited_usages.used + limited.change) FROM limited WHERE placement_limited_usages.project_id = limited.project_id AND placement_limited_usages.resource_class_id = limited.class_id AND (limited.change <= %(change_1)s OR placement_limited_usages.used + limited.change <= limited.max_units) RETURNING placement_limited_usages.resource_class_id)
 SELECT CAST(CASE WHEN ((SELECT count(*) AS count_1
FROM counted) = (SELECT count(*) AS count_2
FROM limited)) THEN '1' ELSE 'condition not met, Placement handles this' END AS INTEGER) AS anon_1
