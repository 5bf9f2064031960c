WITH deleted AS
(DELETE FROM consumers WHERE consumers.uuid = %(consumer)s RETURNING consumers.id)
 SELECT CAST(CASE WHEN ((SELECT count(*) AS count_1
FROM deleted) = %(param_1)s AND NOT (EXISTS (SELECT *
FROM placement_limits))) THEN '1' ELSE 'condition not met, Placement handles this' END AS INTEGER) AS anon_1
