"""Standard names are inserted once, however many processes start together."""

import concurrent.futures

import os_resource_classes
import os_traits
import sqlalchemy as sa

from placement.conf.settings import DatabaseSettings
from placement.db import engine as engines
from placement.db import migrations, standard, tables
from placement.db.names import REVISION

STARTERS = 6


def names(engine: sa.Engine, table: sa.Table) -> list[tuple[int, str]]:
    with engine.connect() as conn:
        rows = conn.execute(sa.select(table.c.id, table.c.name).order_by(table.c.id))
        return [(id_, name) for id_, name in rows]


def revision_of_names(engine: sa.Engine) -> int:
    with engine.connect() as conn:
        return conn.execute(REVISION).scalar_one()


def start(url: str) -> None:
    engine = engines.create_engine(DatabaseSettings(url))
    standard.ensure(engine)
    engine.dispose()


def test_several_processes_can_insert_standard_names_at_the_same_time(
    empty_database_url: str,
) -> None:
    engine = engines.create_engine(DatabaseSettings(empty_database_url))
    migrations.sync(engine)
    with concurrent.futures.ThreadPoolExecutor(STARTERS) as pool:
        started = [pool.submit(start, empty_database_url) for _ in range(STARTERS)]
    for each in started:
        each.result()

    classes = names(engine, tables.resource_classes)
    assert classes == list(enumerate(os_resource_classes.STANDARDS))
    traits = [name for _, name in names(engine, tables.traits)]
    assert sorted(traits) == sorted(os_traits.get_traits())
    engine.dispose()


def test_missing_names_are_inserted_and_others_kept(database_url: str) -> None:
    engine = engines.create_engine(DatabaseSettings(database_url))
    with engine.begin() as conn:
        for table in (tables.traits, tables.resource_classes):
            known = table.c.name.in_(["VCPU", "COMPUTE_NODE"])
            conn.execute(sa.delete(table).where(known))
        conn.execute(sa.insert(tables.traits).values(name="CUSTOM_A"))
        conn.execute(sa.insert(tables.traits).values(name="NO_LONGER_STANDARD"))

    before = revision_of_names(engine)
    standard.ensure(engine)

    assert revision_of_names(engine) > before
    assert (0, "VCPU") in names(engine, tables.resource_classes)
    found = {name for _, name in names(engine, tables.traits)}
    assert {"COMPUTE_NODE", "CUSTOM_A", "NO_LONGER_STANDARD"} <= found
    before = revision_of_names(engine)
    standard.ensure(engine)
    assert revision_of_names(engine) == before
    engine.dispose()
