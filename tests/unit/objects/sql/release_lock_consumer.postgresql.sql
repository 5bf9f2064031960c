SELECT consumers.id
FROM consumers
WHERE consumers.uuid = %(consumer)s FOR UPDATE
