INSERT INTO placement_name_changes (id, revision) VALUES (%(id)s, ((CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT) | 1) + 1))
