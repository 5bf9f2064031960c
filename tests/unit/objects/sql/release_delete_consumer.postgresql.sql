WITH gone AS
(DELETE FROM consumers WHERE consumers.uuid = %(consumer)s RETURNING consumers.id)
 SELECT CAST(CASE WHEN ((SELECT count(*) AS count_1
FROM gone) = %(param_1)s) THEN '1' ELSE 'not as required, which Placement deals with' END AS INTEGER) AS anon_1
