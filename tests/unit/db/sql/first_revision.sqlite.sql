INSERT INTO placement_name_changes (id, revision) VALUES (?, ((placement_clock() | 1) + 1))
