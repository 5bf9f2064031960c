"""Migrations upgrade a database of any revision and keep its content."""

import concurrent.futures
import pathlib
import typing

import pytest
import sqlalchemy as sa

from placement import exception
from placement.conf import settings as conf_settings
from placement.conf.settings import DatabaseSettings
from placement.db import data_migrations, migrations, predicates, tables
from placement.db import engine as engines
from tests.functional import invariants
from tests.functional.db import schema
from tests.servers import configuration, programs

REVISIONS = (
    "b4ed3a175331",
    "611cd6dffd7b",
    "b5c396305c25",
    "422ece571366",
    "a082b8bb98d0",
)
HEAD = REVISIONS[-1]
REDUNDANT = {
    "inventories": {
        "inventories_resource_provider_id_idx",
        "inventories_resource_provider_resource_class_idx",
    },
    "placement_aggregates": {"ix_placement_aggregates_uuid"},
    "resource_providers": {
        "resource_providers_name_idx",
        "resource_providers_uuid_idx",
    },
}

# Rows that another service may leave: without timestamps, and with a provider that
# has no generation.
ROWS = (
    "INSERT INTO projects (id, external_id) VALUES (1, 'p')",
    "INSERT INTO users (id, external_id) VALUES (1, 'u')",
    "INSERT INTO resource_classes (id, name) VALUES (0, 'VCPU'), (1, 'MEMORY_MB')",
    "INSERT INTO traits (id, name) VALUES (1, 'CUSTOM_A')",
    "INSERT INTO resource_providers"
    " (id, uuid, name, generation, root_provider_id, parent_provider_id) VALUES"
    " (1, 'one', 'one', NULL, 1, NULL), (2, 'two', 'two', 7, 1, 1)",
    "INSERT INTO inventories (id, resource_provider_id, resource_class_id, total,"
    " reserved, min_unit, max_unit, step_size, allocation_ratio) VALUES"
    " (1, 1, 0, 10, 0, 1, 10, 1, 0.9), (2, 1, 1, 64, 0, 1, 64, 1, 1.0),"
    " (3, 2, 0, 4, 0, 1, 4, 1, 16.0)",
    "INSERT INTO consumers (id, uuid, project_id, user_id, generation) VALUES"
    " (1, 'c1', 1, 1, 3), (2, 'c2', 1, 1, 1)",
    "INSERT INTO allocations (id, resource_provider_id, consumer_id,"
    " resource_class_id, used) VALUES (1, 1, 'c1', 0, 2), (2, 1, 'c2', 0, 3),"
    " (3, 2, 'c1', 0, 5)",
    "INSERT INTO resource_provider_traits (trait_id, resource_provider_id)"
    " VALUES (1, 2)",
)


@pytest.fixture
def engine(empty_database_url):
    made = engines.create_engine(DatabaseSettings(empty_database_url))
    yield made
    made.dispose()


def fill(engine: sa.Engine, statements: tuple[str, ...] = ROWS) -> None:
    with engine.begin() as conn:
        for statement in statements:
            conn.execute(sa.text(statement))


def leave_at(engine: sa.Engine, revision: str) -> None:
    """Create the schema of another service at a revision, without the own chain."""
    if revision != HEAD:
        migrations.sync(engine, revision)
        return
    migrations.sync(engine, REVISIONS[-2])
    fill(
        engine,
        tuple(
            f"DROP INDEX {index}"
            + (f" ON {table}" if engine.dialect.name == "mysql" else "")
            for table, indexes in REDUNDANT.items()
            for index in sorted(indexes)
        ),
    )
    migrations.stamp(engine, HEAD)


def content(engine: sa.Engine) -> dict[str, list[tuple[object, ...]]]:
    """Return all rows of the shared tables, without our columns."""
    with engine.connect() as conn:
        return {
            name: [
                tuple(row)
                for row in conn.execute(
                    sa.select(*(sa.column(each) for each in columns))
                    .select_from(sa.table(name))
                    .order_by(*(sa.column(each) for each in table.key))
                )
            ]
            for name, table in schema.HEAD.items()
            if (columns := [c for c in table.columns if c != "consumer_type_id"])
            and sa.inspect(conn).has_table(name)
        }


def expected(engine: sa.Engine) -> dict[str, schema.Table]:
    tables_ = {
        name: table._replace(columns=table.columns | schema.OWN_COLUMNS.get(name, {}))
        for name, table in schema.HEAD.items()
    }
    own = dict(schema.OWN_TABLES)
    if engine.dialect.name == "sqlite":
        # Only a key of this type is numbered; it has 64 bits.
        changes = own["placement_changes"]
        own["placement_changes"] = changes._replace(
            columns=changes.columns | {"id": "integer!"}
        )
    return tables_ | own


def test_migrations_create_the_expected_tables(engine) -> None:
    migrations.sync(engine)

    assert schema.found_in(engine) == expected(engine)
    assert migrations.version(engine) == HEAD
    migrations.require_current(engine)


def test_the_table_definitions_match_the_migrations(engine) -> None:
    tables.metadata.create_all(engine)

    assert schema.found_in(engine) == expected(engine)


def test_the_base_chain_creates_the_tables_of_openstack_placement(engine) -> None:
    migrations.sync(engine, "b4ed3a175331")
    first = schema.found_in(engine)

    assert first.keys() == schema.HEAD.keys() - {"consumer_types"}
    assert "consumer_type_id" not in first["consumers"].columns
    for name, table in first.items():
        more = table.indexes.keys() - schema.HEAD[name].indexes.keys()
        assert more == REDUNDANT.get(name, set())


def test_constraints_on_postgresql_keep_their_names(engine) -> None:
    if engine.dialect.name != "postgresql":
        pytest.skip("names of PostgreSQL")
    migrations.sync(engine)
    inspector = sa.inspect(engine)

    found = {
        each["name"]
        for table in schema.HEAD
        for each in inspector.get_foreign_keys(table)
    }
    assert found == schema.POSTGRESQL_REFERENCES
    for table in schema.HEAD:
        assert inspector.get_pk_constraint(table)["name"] == f"{table}_pkey"


def test_upgraded_tables_on_mariadb_compare_text_exactly(engine) -> None:
    if engine.dialect.name != "mysql":
        pytest.skip("others always do")
    leave_at(engine, HEAD)
    fill(engine)
    with engine.connect() as conn:
        alike = sa.text("SELECT COUNT(*) FROM projects WHERE external_id = 'P '")
        assert conn.scalar(alike) == 1

    migrations.sync(engine)

    fill(engine, ("INSERT INTO projects (external_id) VALUES ('P'), ('p '), ('é')",))
    with engine.connect() as conn:
        assert conn.scalar(alike) == 0
        texts = sa.text(
            "SELECT DISTINCT collation_name FROM information_schema.columns"
            " WHERE table_schema = DATABASE() AND collation_name IS NOT NULL"
            " AND table_name NOT LIKE '%version'"
        )
        assert list(conn.scalars(texts)) == [tables.EXACT_COLLATION]


RATIOS = (0.1, 0.3, 0.7, 0.9, 1.0, 1.1, 16.0, 123.456, 0.000001)


def test_upgraded_ratios_are_those_that_clients_sent(engine) -> None:
    """MariaDB stored it in single precision, where 10 * 0.9 is below 9."""
    leave_at(engine, HEAD)
    fill(
        engine,
        tuple(
            "INSERT INTO inventories (resource_provider_id, resource_class_id, total,"
            " reserved, min_unit, max_unit, step_size, allocation_ratio)"
            f" VALUES ({place}, 0, 10, 0, 1, 10, 1, {ratio})"
            for place, ratio in enumerate(RATIOS)
        ),
    )

    migrations.sync(engine)

    column = tables.inventories.c.resource_provider_id
    ratios = sa.select(tables.inventories.c.allocation_ratio).order_by(column)
    with engine.connect() as conn:
        assert tuple(conn.scalars(ratios)) == RATIOS
        capacity = predicates.capacity(tables.inventories)
        assert conn.scalar(sa.select(capacity).where(column == 3)) == 9


@pytest.mark.parametrize("revision", REVISIONS)
def test_a_database_of_any_revision_is_upgraded(engine, revision: str) -> None:
    leave_at(engine, revision)
    assert migrations.version(engine) == revision
    fill(engine)
    before = content(engine)

    migrations.sync(engine)

    assert schema.found_in(engine) == expected(engine)
    assert migrations.version(engine) == HEAD
    migrations.require_current(engine)
    after = content(engine)
    assert {name: after[name] for name in before} == before
    assert [len(after[name]) for name in ("inventories", "allocations")] == [3, 3]
    with engine.connect() as conn:
        assert invariants.violations_in(conn) == []
        used = sa.select(tables.inventories.c.used).order_by(tables.inventories.c.id)
        assert list(conn.scalars(used)) == [5, 0, 5]


def test_a_second_upgrade_changes_nothing(engine) -> None:
    migrations.sync(engine)
    fill(engine)
    before = content(engine)

    migrations.sync(engine)

    assert content(engine) == before
    assert schema.found_in(engine) == expected(engine)


def test_an_upgrade_interrupted_before_its_version_is_recorded_can_be_repeated(
    engine,
) -> None:
    leave_at(engine, HEAD)
    fill(
        engine,
        (
            *ROWS,
            "ALTER TABLE inventories ADD COLUMN used BIGINT DEFAULT 0 NOT NULL",
            "CREATE TABLE placement_name_changes"
            " (id INTEGER PRIMARY KEY, revision BIGINT NOT NULL)",
        ),
    )

    migrations.sync(engine)

    assert schema.found_in(engine).keys() == expected(engine).keys()
    migrations.require_current(engine)
    with engine.connect() as conn:
        assert invariants.violations_in(conn) == []
        assert conn.scalar(sa.select(tables.name_changes.c.revision)) > 10**15


def test_writers_that_do_not_know_our_columns_can_write(engine) -> None:
    migrations.sync(engine)

    fill(engine)

    with engine.connect() as conn:
        assert set(conn.scalars(sa.select(tables.inventories.c.used))) == {0}
        assert set(conn.scalars(sa.select(tables.resource_providers.c.revision))) == {0}


def test_several_processes_can_migrate_at_the_same_time(
    empty_database_url, tmp_path
) -> None:
    def migrate(name: str) -> None:
        directory: pathlib.Path = tmp_path / name
        directory.mkdir()
        configuration.write(directory, empty_database_url)
        programs.migrate(directory)

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        done = [pool.submit(migrate, name) for name in ("one", "two")]
    for each in done:
        each.result()

    engine = engines.create_engine(DatabaseSettings(empty_database_url))
    assert schema.found_in(engine) == expected(engine)
    migrations.require_current(engine)
    engine.dispose()


@pytest.mark.parametrize(
    ("revision", "broken", "text"),
    [
        (
            "b4ed3a175331",
            "UPDATE resource_providers SET root_provider_id = NULL WHERE id = 1",
            "1 resource providers have no root_provider_id",
        ),
        (
            "611cd6dffd7b",
            "DELETE FROM consumers WHERE uuid = 'c1'",
            "1 consumers have allocations and no record",
        ),
    ],
)
def test_missing_records_are_reported_and_can_be_migrated(
    engine, revision: str, broken: str, text: str
) -> None:
    migrations.sync(engine, revision)
    fill(engine, (*ROWS, broken))

    with pytest.raises(exception.ConfigurationError) as refused:
        migrations.sync(engine)

    assert text in str(refused.value)
    assert "placement-manage db online_data_migrations" in str(refused.value)
    assert migrations.version(engine) == revision
    settings = typing.cast(conf_settings.Settings, None)
    for migration in data_migrations.MIGRATIONS[2:]:
        # The columns that these migrations update do not exist yet.
        assert migration.run(engine, settings, 50) == (0, 0)


@pytest.mark.parametrize("revision", [None, *REVISIONS[:-1]])
def test_an_older_schema_is_refused_with_advice(engine, revision) -> None:
    if revision is not None:
        migrations.sync(engine, revision)

    with pytest.raises(exception.ConfigurationError) as refused:
        migrations.require_current(engine)

    found = "no schema" if revision is None else f"the schema {revision}"
    assert f"has {found} and {HEAD} is needed" in str(refused.value)
    assert "placement-manage db sync" in str(refused.value)


def test_the_head_of_the_base_chain_alone_is_not_current(engine) -> None:
    migrations.sync(engine)
    with engine.begin() as conn:
        conn.execute(sa.text("DROP TABLE placement_own_version"))

    with pytest.raises(exception.ConfigurationError, match="no schema"):
        migrations.require_current(engine)


def test_stamp_records_a_revision(engine) -> None:
    migrations.stamp(engine, "422ece571366")
    assert migrations.version(engine) == "422ece571366"

    with pytest.raises(exception.BadRequest, match="pony"):
        migrations.stamp(engine, "pony")
    assert migrations.version(engine) == "422ece571366"
