UPDATE placement_name_changes SET revision=((max(placement_name_changes.revision + 1, placement_clock()) | 1) + 1)
