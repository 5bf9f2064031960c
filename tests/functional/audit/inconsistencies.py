"""One or more inconsistencies for each fact that an audit checks, as SQL.

They apply to the small cloud of ``tests.functional.db.worlds``.
"""

import typing

# Two spellings of one uuid.
CANONICAL = "abcdef01-0000-4000-8000-000000000001"
SPELLED = CANONICAL.upper().replace("-", "")

Document = dict[str, typing.Any]


class Inconsistency(typing.NamedTuple):
    """Statements that violate one fact.

    ``findings`` has, for each finding that they cause, some of its details.
    """

    fact: str
    statements: tuple[str, ...]
    findings: tuple[Document, ...]
    is_repairable: bool


CONSUMERS = (
    Inconsistency(
        "consumer_missing",
        ("DELETE FROM consumers WHERE uuid = 'c1'",),
        ({"consumer": "c1"},),
        True,
    ),
    Inconsistency(
        "consumer_idle",
        (
            "INSERT INTO consumers (uuid, project_id, user_id, generation)"
            " VALUES ('c8', 1, 1, 2), ('c9', 1, 1, 0)",
        ),
        ({"consumer": "c8", "generation": 2}, {"consumer": "c9", "generation": 0}),
        True,
    ),
    Inconsistency(
        "consumer_generation",
        ("UPDATE consumers SET generation = -1 WHERE uuid = 'c2'",),
        ({"consumer": "c2", "generation": -1},),
        True,
    ),
    Inconsistency(
        "owner_missing",
        (
            "UPDATE consumers SET project_id = 99 WHERE uuid = 'c1'",
            "UPDATE consumers SET user_id = 99, consumer_type_id = 9 WHERE uuid = 'c2'",
        ),
        (
            {"consumer": "c1", "project": None, "user": "u", "consumer_type": None},
            {"consumer": "c2", "project": "p", "user": None},
        ),
        False,
    ),
    Inconsistency(
        "owner_missing",
        ("UPDATE consumers SET consumer_type_id = 9 WHERE uuid = 'c2'",),
        ({"consumer": "c2", "project": "p", "user": "u", "consumer_type": None},),
        False,
    ),
)

INVENTORIES = (
    Inconsistency(
        "inventory_of_nobody",
        (
            "INSERT INTO inventories (resource_provider_id, resource_class_id, total,"
            " reserved, min_unit, max_unit, step_size, allocation_ratio)"
            " VALUES (99, 0, 10, 0, 1, 10, 1, 1.0)",
        ),
        ({"provider_id": 99, "resource_class_id": 0, "total": 10},),
        True,
    ),
    Inconsistency(
        "used",
        ("UPDATE inventories SET used = used - 1 WHERE resource_provider_id = 1",),
        (
            {
                "provider": "one",
                "resource_class": "VCPU",
                "used": 8,
                "allocated": 9,
            },
            {"resource_class": "MEMORY_MB", "used": -1, "allocated": 0},
        ),
        True,
    ),
    Inconsistency(
        "over_capacity",
        ("UPDATE inventories SET reserved = 1 WHERE id = 1",),
        (
            {
                "provider": "one",
                "resource_class": "VCPU",
                "allocated": 9,
                "capacity": 8,
            },
        ),
        False,
    ),
    Inconsistency(
        "inventory_missing",
        ("DELETE FROM inventories WHERE id = 3",),
        ({"provider": "two", "resource_class": "VCPU", "allocated": 6},),
        False,
    ),
    Inconsistency(
        "class_missing",
        (
            "INSERT INTO inventories (resource_provider_id, resource_class_id, total,"
            " reserved, min_unit, max_unit, step_size, allocation_ratio)"
            " VALUES (3, 7777, 10, 0, 1, 10, 1, 1.0)",
        ),
        ({"resource_class_id": 7777},),
        False,
    ),
)

PROVIDERS = (
    Inconsistency(
        "aggregate_of_nobody",
        (
            "INSERT INTO resource_provider_aggregates"
            " (resource_provider_id, aggregate_id) VALUES (99, 1), (99, 2)",
        ),
        ({"provider_id": 99, "aggregate_id": 1}, {"aggregate_id": 2}),
        True,
    ),
    Inconsistency(
        "trait_of_nobody",
        (
            "INSERT INTO resource_provider_traits (resource_provider_id, trait_id)"
            " SELECT 99, min(id) FROM traits",
        ),
        ({"provider_id": 99},),
        True,
    ),
    Inconsistency(
        "state_of_nobody",
        (
            "INSERT INTO placement_provider_states"
            " (resource_provider_id, state, reason, set_at)"
            " VALUES (99, 1, '', 7), (1, 0, '', 7), (99, 0, '', 8)",
        ),
        ({"provider_id": 99, "state": 1}, {"provider_id": 99, "state": 0}),
        True,
    ),
    Inconsistency(
        "provider_state",
        (
            "UPDATE resource_providers SET state = -1 WHERE id = 1",
            "UPDATE resource_providers SET state = 3 WHERE id = 3",
        ),
        ({"provider": "one", "state": -1}, {"provider": "three", "state": 3}),
        True,
    ),
    Inconsistency(
        "provider_generation",
        (
            "UPDATE resource_providers SET generation = NULL WHERE id = 1",
            "UPDATE resource_providers SET generation = -2 WHERE id = 2",
        ),
        (
            {"provider": "one", "generation": None},
            {"provider": "two", "generation": -2},
        ),
        True,
    ),
    Inconsistency(
        "root",
        ("UPDATE resource_providers SET root_provider_id = 3 WHERE id = 2",),
        ({"provider": "two", "root": "three", "top": "one"},),
        True,
    ),
    Inconsistency(
        "root",
        (
            "UPDATE resource_providers SET root_provider_id = NULL WHERE id < 3",
            "UPDATE resource_providers SET root_provider_id = 99 WHERE id = 3",
        ),
        (
            {"provider": "one", "root": None, "top": "one"},
            {"provider": "two", "root": None, "top": "one"},
            {"provider": "three", "root": None, "top": "three"},
        ),
        True,
    ),
    Inconsistency(
        "revision",
        ("UPDATE resource_providers SET revision = 0 WHERE id = 2",),
        ({"provider": "two", "revision": 0},),
        True,
    ),
    Inconsistency(
        "parents",
        ("UPDATE resource_providers SET parent_provider_id = 2 WHERE id = 1",),
        ({"provider": "one", "parent": "two"}, {"provider": "two", "parent": "one"}),
        False,
    ),
    Inconsistency(
        "parents",
        ("UPDATE resource_providers SET parent_provider_id = 99 WHERE id = 3",),
        ({"provider": "three", "parent": None, "parent_id": 99},),
        False,
    ),
)

UUIDS = (
    Inconsistency(
        "consumer_spelling",
        (
            f"UPDATE consumers SET uuid = '{SPELLED}' WHERE uuid = 'c2'",
            f"UPDATE allocations SET consumer_id = '{SPELLED}'"
            " WHERE consumer_id = 'c2'",
        ),
        ({"consumer": SPELLED, "id": 2, "canonical": CANONICAL},),
        True,
    ),
    Inconsistency(
        "consumer_twice",
        (
            f"UPDATE consumers SET uuid = '{SPELLED}' WHERE uuid = 'c2'",
            f"UPDATE allocations SET consumer_id = '{SPELLED}'"
            " WHERE consumer_id = 'c2'",
            f"UPDATE consumers SET uuid = '{CANONICAL}' WHERE uuid = 'c1'",
            f"UPDATE allocations SET consumer_id = '{CANONICAL}'"
            " WHERE consumer_id = 'c1'",
        ),
        ({"consumer": SPELLED, "canonical": CANONICAL},),
        False,
    ),
    Inconsistency(
        "provider_spelling",
        (f"UPDATE resource_providers SET uuid = '{SPELLED}' WHERE id = 3",),
        ({"provider": SPELLED, "id": 3, "canonical": CANONICAL},),
        True,
    ),
    Inconsistency(
        "provider_twice",
        (
            f"UPDATE resource_providers SET uuid = '{SPELLED}' WHERE id = 3",
            f"UPDATE resource_providers SET uuid = '{CANONICAL}' WHERE id = 1",
        ),
        ({"provider": SPELLED, "canonical": CANONICAL},),
        False,
    ),
    Inconsistency(
        "aggregate_spelling",
        (
            "INSERT INTO placement_aggregates (id, uuid) VALUES"
            f" (7, '{SPELLED}'), (8, '{CANONICAL}')",
            "INSERT INTO resource_provider_aggregates"
            " (resource_provider_id, aggregate_id) VALUES (1, 7), (2, 7), (2, 8)",
        ),
        (
            {"provider": "one", "provider_id": 1, "aggregate": SPELLED},
            {"provider": "two", "provider_id": 2, "aggregate": SPELLED},
        ),
        True,
    ),
)

ALLOCATIONS = (
    Inconsistency(
        "allocation_of_nobody",
        (
            "INSERT INTO allocations (resource_provider_id, consumer_id,"
            " resource_class_id, used) VALUES (99, 'c1', 0, 3)",
        ),
        ({"provider_id": 99, "consumer": "c1", "used": 3},),
        False,
    ),
    Inconsistency(
        "allocation_doubled",
        (
            "UPDATE allocations SET used = 3 WHERE id = 3",
            "INSERT INTO allocations (resource_provider_id, consumer_id,"
            " resource_class_id, used) VALUES (2, 'c1', 0, 3)",
        ),
        ({"consumer": "c1", "provider": "two", "resource_class": "VCPU", "times": 2},),
        False,
    ),
    Inconsistency(
        "allocation_empty",
        (
            "INSERT INTO allocations (resource_provider_id, consumer_id,"
            " resource_class_id, used) VALUES (1, 'c1', 1, 0)",
        ),
        ({"consumer": "c1", "resource_class": "MEMORY_MB", "used": 0},),
        False,
    ),
)

# Set long ago, and counted later.
_VCPU_LIMIT = (
    "INSERT INTO placement_limits (project_id, resource_class_id, max_units, set_at)"
    " VALUES ('p', 0, 100, 1), ('default', -1, 100, 1)"
)

LIMITS = (
    Inconsistency(
        "limit_class",
        (
            "INSERT INTO placement_limits"
            " (project_id, resource_class_id, max_units, set_at)"
            " VALUES ('p', 7777, 5, 1)",
        ),
        ({"project": "p", "resource_class_id": 7777, "limit": 5},),
        True,
    ),
    Inconsistency(
        "limited_usage",
        (
            _VCPU_LIMIT,
            "INSERT INTO placement_limited_usages"
            " (project_id, resource_class_id, used, counted_at)"
            " VALUES ('p', 0, 1, 70000000), ('p', -1, 7, 70000000),"
            " ('nobody', -1, 3, 70000000)",
        ),
        (
            {"project": "nobody", "resource_class": "consumers", "used": 3, "held": 0},
            {"project": "p", "resource_class": "consumers", "used": 7, "held": 2},
            {"project": "p", "resource_class": "VCPU", "used": 1, "held": 15},
        ),
        True,
    ),
)

PLACING = (
    Inconsistency(
        "hold_of_nobody",
        (
            "INSERT INTO placement_holds (consumer_id, expires_at)"
            " VALUES (1, 9), (77, 9)",
        ),
        ({"consumer_id": 77, "expires_at": 9},),
        True,
    ),
    Inconsistency(
        "member_of_nothing",
        (
            "INSERT INTO placement_groups (id, project_id, name, policy, max_per_host,"
            " revision) VALUES (1, 'p', 'g', 'affinity', 1, 2)",
            "INSERT INTO placement_group_members (consumer_id, group_id)"
            " VALUES (1, 1), (2, 88), (77, 1)",
        ),
        ({"consumer_id": 2, "group_id": 88}, {"consumer_id": 77, "group_id": 1}),
        True,
    ),
    Inconsistency(
        "key_without_answer",
        (
            "INSERT INTO placement_idempotency_keys (id, body_hash, expires_at)"
            " VALUES ('k', 'b', 9)",
        ),
        ({"id": "k", "expires_at": 9},),
        True,
    ),
    Inconsistency(
        "change_position",
        (
            "INSERT INTO placement_change_positions (id, last, compacted)"
            " VALUES (1, 5, 0)",
            "INSERT INTO placement_changes (position, kind, provider_uuid, changed_at)"
            " VALUES (7, 'provider', 'one', 1)",
        ),
        ({"id": 1, "last": 5, "greatest": 7},),
        True,
    ),
)

ALL = (
    *CONSUMERS,
    *INVENTORIES,
    *PROVIDERS,
    *UUIDS,
    *ALLOCATIONS,
    *LIMITS,
    *PLACING,
)
