UPDATE placement_name_changes SET revision=((greatest(placement_name_changes.revision + 1, CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)) | 1) + 1)
