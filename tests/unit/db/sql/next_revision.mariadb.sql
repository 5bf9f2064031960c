UPDATE placement_name_changes SET revision=((greatest(placement_name_changes.revision + 1, timestampdiff(MICROSECOND, '1970-01-01', utc_timestamp(6))) | 1) + 1)
