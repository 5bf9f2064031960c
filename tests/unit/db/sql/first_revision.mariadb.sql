INSERT INTO placement_name_changes (id, revision) VALUES (%s, ((timestampdiff(MICROSECOND, '1970-01-01', utc_timestamp(6)) | 1) + 1))
