WITH named AS
(SELECT asked.classes AS classes
FROM unnest(CAST(%(classes)s AS INTEGER[]), CAST(%(names)s AS TEXT[])) AS asked(classes, names)
WHERE EXISTS (SELECT *
FROM resource_classes
WHERE resource_classes.id = asked.classes AND resource_classes.name = asked.names))
 SELECT CAST(CASE WHEN ((SELECT count(*) AS count_1
FROM named) = %(class_count)s) THEN '1' ELSE 'not as required, which Placement deals with' END AS INTEGER) AS anon_1
