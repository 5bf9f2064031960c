WITH named AS
(SELECT wanted.classes AS classes
FROM unnest(CAST(%(classes)s AS INTEGER[]), CAST(%(names)s AS TEXT[])) AS wanted(classes, names)
WHERE EXISTS (SELECT *
FROM resource_classes
WHERE resource_classes.id = wanted.classes AND resource_classes.name = wanted.names))
 SELECT CAST(CASE WHEN ((SELECT count(*) AS count_1
FROM named) = %(class_count)s) THEN '1' ELSE 'condition not met, Placement handles this' END AS INTEGER) AS anon_1
