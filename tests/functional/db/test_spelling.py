"""Uuids that another service stored in other spellings are rewritten."""

import typing

import pytest
import sqlalchemy as sa

from placement import uuids
from placement.cmd import manage
from placement.conf.settings import Settings
from placement.db import data_migrations, spelling, tables
from tests.functional import invariants
from tests.functional.db import worlds
from tests.servers import configuration, server
from tests.unit.cmd import operators

LOWER = "abcdef01-0000-4000-8000-00000000000{}"

SPELLINGS = (
    LOWER.format(1),
    LOWER.format(1).upper(),
    LOWER.format(1).replace("-", ""),
    LOWER.format(1).upper().replace("-", ""),
    # 36 characters, but with dashes elsewhere or other characters.
    "abcdef0-10000-4000-8000-000000000001",
    "urn:abcdef01000040008000000000000001",
    "{-abcdef01000040008000000000000001-}"[:36],
    "{abcdef01000040008000000000000001}",
    "-abcdef01000040008000000000000001",
    "a-b-c-d-ef01000040008000000000000001",
    # Not uuids: too long, too short, not hexadecimal, a line break.
    "abcdef01000040008000000000000001abcd",
    "abcdef01-0000-4000-8000-0000000001",
    "ghcdef01-0000-4000-8000-000000000001",
    "ghcdef01000040008000000000000001",
    "URN:abcdef01000040008000000000000001",
    "one",
    "",
    " " + LOWER.format(1).replace("-", ""),
)

# Rows of another service: a tree, two consumers, and hosts in two aggregates.
HOST, CHILD, OTHER = (LOWER.format(n) for n in (1, 2, 3))
FIRST, SECOND = (LOWER.format(n) for n in (5, 6))
RACK, ROW = (LOWER.format(n) for n in (8, 9))
DIGITS = RACK.replace("-", "")
ROWS = (
    "INSERT INTO projects (id, external_id) VALUES (1, 'p')",
    "INSERT INTO users (id, external_id) VALUES (1, 'u')",
    "INSERT INTO resource_providers (id, uuid, name, generation, root_provider_id,"
    " parent_provider_id, updated_at) VALUES"
    f" (1, '{HOST.upper()}', 'host', 3, 1, NULL, '2001-02-03 04:05:06'),"
    f" (2, '{CHILD}', 'child', 0, 1, 1, NULL),"
    f" (3, '{OTHER}', 'other', 0, 3, NULL, NULL)",
    "INSERT INTO inventories (id, resource_provider_id, resource_class_id, total,"
    " reserved, min_unit, max_unit, step_size, allocation_ratio, used) VALUES"
    " (1, 1, 0, 10, 0, 1, 10, 1, 1.0, 5), (2, 3, 2, 10, 0, 1, 10, 1, 1.0, 0)",
    "INSERT INTO consumers (id, uuid, project_id, user_id, generation) VALUES"
    f" (1, '{FIRST.upper()}', 1, 1, 3), (2, '{SECOND}', 1, 1, 1)",
    "INSERT INTO allocations (id, resource_provider_id, consumer_id,"
    " resource_class_id, used, updated_at) VALUES"
    f" (1, 1, '{FIRST.upper()}', 0, 2, '2001-02-03 04:05:06'),"
    f" (2, 1, '{SECOND}', 0, 3, NULL)",
    "INSERT INTO placement_aggregates (id, uuid) VALUES"
    f" (1, '{DIGITS}'), (2, '{RACK.upper()}'), (3, '{ROW}')",
    "INSERT INTO resource_provider_aggregates (resource_provider_id, aggregate_id)"
    " VALUES (1, 1), (1, 3), (3, 1), (3, 2)",
    "UPDATE resource_providers SET revision = 1000000000000000 + id",
)


@pytest.fixture
def written(engine):
    worlds.execute(engine, *ROWS)
    if engine.dialect.name == "postgresql":
        for table in ("consumers", "allocations", "placement_aggregates"):
            worlds.execute(engine, f"ALTER SEQUENCE {table}_id_seq RESTART WITH 100")
    return engine


def rows(engine: sa.Engine, statement: str) -> list[tuple[object, ...]]:
    with engine.connect() as conn:
        return [tuple(row) for row in conn.execute(sa.text(statement))]


def revisions(engine: sa.Engine) -> dict[int, int]:
    return dict(rows(engine, "SELECT id, revision FROM resource_providers"))


def test_sql_and_python_agree_on_the_canonical_form(engine) -> None:
    table = tables.projects
    column = table.c.external_id
    wanted = {}
    for text in SPELLINGS:
        uuid = uuids.canonical(text)
        wanted[text] = None if uuid == text else uuid
    with engine.begin() as conn:
        conn.execute(sa.insert(table), [{"external_id": text} for text in SPELLINGS])

        found = dict(
            conn.execute(
                sa.select(
                    column,
                    sa.case(
                        (spelling.is_misspelled(column), spelling.canonical(column))
                    ),
                )
            ).all()
        )

    assert found == wanted
    assert len(set(wanted.values())) > 1


def test_misspelled_uuids_are_rewritten_with_their_references(written) -> None:
    before = revisions(written)

    assert spelling.canonicalize_all(written) == 1 + 1 + 3

    with written.connect() as conn:
        assert not spelling.is_needed(conn)
    assert rows(written, "SELECT uuid, updated_at FROM resource_providers")
    providers = "SELECT uuid FROM resource_providers ORDER BY id"
    assert rows(written, providers) == [(HOST,), (CHILD,), (OTHER,)]
    consumers = "SELECT uuid, generation FROM consumers ORDER BY id"
    assert rows(written, consumers) == [(FIRST, 3), (SECOND, 1)]
    allocations = "SELECT consumer_id, used FROM allocations ORDER BY id"
    assert rows(written, allocations) == [(FIRST, 2), (SECOND, 3)]
    memberships = (
        "SELECT m.resource_provider_id, a.uuid, m.spelling"
        " FROM resource_provider_aggregates m"
        " JOIN placement_aggregates a ON a.id = m.aggregate_id ORDER BY 1, 2"
    )
    # A provider that was in both spellings of an aggregate keeps one membership.
    assert rows(written, memberships) == [
        (1, RACK, DIGITS),
        (1, ROW, None),
        (3, RACK, DIGITS),
    ]
    # The child shows the uuid of its parent.
    after = revisions(written)
    assert all(after[id_] > before[id_] for id_ in (1, 2, 3))
    for table in ("resource_providers", "allocations"):
        times = sa.select(sa.column("updated_at")).select_from(sa.table(table))
        with written.connect() as conn:
            first = conn.scalars(times.where(sa.column("id") == 1)).one()
        assert str(first).startswith("2001-02-03 04:05:06")


def test_a_second_run_writes_nothing(written) -> None:
    spelling.canonicalize_all(written)
    before = revisions(written)
    statements: list[str] = []
    sa.event.listen(
        written,
        "before_cursor_execute",
        lambda _conn, _cursor, statement, *_: statements.append(statement),
    )

    assert spelling.canonicalize_all(written) == 0

    assert revisions(written) == before
    assert statements
    assert not [each for each in statements if each.startswith(("UPDATE", "INSERT"))]


@pytest.mark.parametrize(
    "taken",
    [
        f"INSERT INTO consumers (id, uuid, project_id, user_id) VALUES"
        f" (9, '{FIRST}', 1, 1)",
        f"UPDATE allocations SET consumer_id = '{FIRST}' WHERE id = 2",
    ],
)
def test_a_consumer_whose_canonical_uuid_is_taken_is_left_alone(
    written, taken: str
) -> None:
    worlds.execute(written, taken)
    consumers = "SELECT id, uuid FROM consumers ORDER BY id"
    allocations = "SELECT id, consumer_id FROM allocations ORDER BY id"
    before = rows(written, consumers), rows(written, allocations)

    spelling.canonicalize_all(written)

    assert (rows(written, consumers), rows(written, allocations)) == before


def test_a_provider_whose_canonical_uuid_is_taken_is_left_alone(written) -> None:
    worlds.execute(written, f"UPDATE resource_providers SET uuid='{HOST}' WHERE id=3")

    spelling.canonicalize_all(written)

    providers = "SELECT uuid FROM resource_providers ORDER BY id"
    assert rows(written, providers) == [(HOST.upper(),), (CHILD,), (HOST,)]


def test_the_first_of_two_spellings_of_a_consumer_is_rewritten(written) -> None:
    digits = FIRST.replace("-", "")
    worlds.execute(written, f"UPDATE consumers SET uuid = '{digits}' WHERE id = 2")

    spelling.canonicalize_all(written)

    consumers = "SELECT uuid FROM consumers ORDER BY id"
    assert rows(written, consumers) == [(FIRST,), (digits,)]


def test_a_start_rewrites_misspelled_uuids(written) -> None:
    url = written.url.render_as_string(hide_password=False)

    with server.in_process(url):
        pass

    with written.connect() as conn:
        assert not spelling.is_needed(conn)


@pytest.mark.parametrize(
    "command", [("sync",), ("online_data_migrations",), ("audit", "--fix")]
)
def test_commands_rewrite_uuids_that_another_service_has_written(
    written, tmp_path, command: tuple[str, ...]
) -> None:
    worlds.execute(written, "UPDATE inventories SET used = 9 WHERE id = 1")
    url = written.url.render_as_string(hide_password=False)
    path = configuration.write(tmp_path, url)

    with operators.restored_logging():
        assert manage.main(["--config-file", str(path), "db", *command]) == 0

    assert invariants.violations(url) == []
    assert rows(written, "SELECT used FROM inventories ORDER BY id") == [(5,), (0,)]


def test_data_migrations_change_at_most_max_count_rows(written) -> None:
    worlds.execute(
        written,
        "UPDATE inventories SET used = 9",
        "UPDATE resource_providers SET revision = 0 WHERE id = 2",
    )
    by_name = {migration.name: migration for migration in data_migrations.MIGRATIONS}
    settings = typing.cast(Settings, None)

    def counts(name: str) -> list[tuple[int, int]]:
        found = []
        while not found or found[-1][1]:
            found.append(by_name[name].run(written, settings, 2))
        return found

    assert counts("count_used") == [(3, 2), (1, 1), (0, 0)]
    # A consumer, a provider, and two providers in aggregates.
    assert counts("canonicalize_uuids") == [(4, 1), (3, 1), (2, 2), (0, 0)]
    assert invariants.violations(written.url.render_as_string(False)) == []
