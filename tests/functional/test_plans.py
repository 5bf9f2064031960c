"""Query plans of searches, claims and releases on PostgreSQL with 100,000 hosts.

Each plan is tested with statistics and without, as after a restore.
"""

import collections.abc
import json
import typing
import uuid

import os_traits
import pytest
import sqlalchemy as sa

from placement import client
from placement.api.microversion import Version
from placement.api.querystring import Query
from placement.candidates.query import plan
from placement.candidates.query import request as candidates_request
from placement.candidates.query.resolve import Ids
from placement.candidates.sql import statements as selects
from placement.candidates.trait_bits import TraitBits
from placement.conf.settings import DatabaseSettings
from placement.db import batch, prepared
from placement.db import engine as engines
from placement.db.names import Names
from placement.objects import claim_pipeline
from placement.objects.claim_request import Amount, Claim
from placement.objects.consumer import Owner
from tests.servers import databases, server

HOSTS = 100_000
LIMIT = 1000

# Tables of one row, where a sequential scan is right.
SMALL = ("projects", "users", "consumer_types")

# Hosts with three classes, three traits and one consumer each, in 100 aggregates; every
# seventh is full. Checks of foreign keys, which take most of the time, are off.
FILL = f"""
SET session_replication_role = replica;
INSERT INTO projects (id, external_id) VALUES (1, 'project');
INSERT INTO users (id, external_id) VALUES (1, 'user');
INSERT INTO resource_providers
    (id, uuid, name, generation, root_provider_id, revision)
SELECT id, md5('host ' || id)::uuid, 'host ' || id, 1, id, 1
FROM generate_series(1, {HOSTS}) AS id;
INSERT INTO inventories
    (resource_provider_id, resource_class_id, total, reserved, min_unit, max_unit,
     step_size, allocation_ratio, used)
SELECT id, class_id, 100, 0, 1, 100, 1, 1.0, CASE WHEN id % 7 = 0 THEN 100 ELSE 1 END
FROM generate_series(1, {HOSTS}) AS id, generate_series(0, 2) AS class_id;
INSERT INTO resource_provider_traits (resource_provider_id, trait_id)
SELECT host, id
FROM generate_series(1, {HOSTS}) AS host,
    (SELECT id FROM traits ORDER BY id LIMIT 3) AS held;
INSERT INTO placement_aggregates (id, uuid)
SELECT id, lpad(to_hex(id), 32, '0')::uuid FROM generate_series(1, 100) AS id;
INSERT INTO resource_provider_aggregates (resource_provider_id, aggregate_id)
SELECT id, 1 + id % 100 FROM generate_series(1, {HOSTS}) AS id;
INSERT INTO allocations (resource_provider_id, consumer_id, resource_class_id, used)
SELECT resource_provider_id, md5('consumer ' || resource_provider_id)::uuid,
    resource_class_id, used
FROM inventories;
INSERT INTO consumers (uuid, project_id, user_id, generation)
SELECT md5('consumer ' || id)::uuid, 1, 1, 1 FROM generate_series(1, {HOSTS}) AS id;
"""

# Delete the statistics of columns and tables.
FORGET = """
DELETE FROM pg_statistic
WHERE starelid IN (
    SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace
);
UPDATE pg_class SET reltuples = -1, relpages = 0, relallvisible = 0
WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace;
"""
WITH, WITHOUT = "with statistics", "without statistics"

_Plan = dict[str, typing.Any]
_Cloud = tuple[server.Application, sa.Engine]


@pytest.fixture(scope="module")
def filled(
    database_kind: str, database_server: databases.Databases
) -> collections.abc.Iterator[_Cloud]:
    if database_kind != databases.POSTGRESQL:
        pytest.skip("about PostgreSQL")
    with database_server.new() as url:
        engine = engines.create_engine(DatabaseSettings(url))
        autocommit = engine.execution_options(isolation_level="AUTOCOMMIT")
        with autocommit.connect() as conn:
            conn.execute(sa.text(FILL))
            for table in sa.inspect(conn).get_table_names():
                conn.exec_driver_sql(
                    f"ALTER TABLE {table} SET (autovacuum_enabled=off)"
                )
        with server.in_process(url) as application:
            yield application, engine
        engine.dispose()


@pytest.fixture(scope="module", params=[WITHOUT, WITH])
def cloud(filled: _Cloud, request: pytest.FixtureRequest) -> _Cloud:
    application, engine = filled
    autocommit = engine.execution_options(isolation_level="AUTOCOMMIT")
    with autocommit.connect() as conn:
        conn.exec_driver_sql("VACUUM ANALYZE")
        if request.param == WITHOUT:
            conn.exec_driver_sql(FORGET)
    return application, engine


def plans_of(
    cloud: _Cloud, group: client.RequestGroup, found: int, limit: int
) -> list[_Plan]:
    """Search; return the executed plan of each statement."""
    application, _ = cloud
    api = client.Client(client.WSGITransport(application))

    def search() -> int:
        policy = "isolate" if group.suffix else None
        return len(api.get_candidates([group], policy, limit=limit).requests)

    return plans_while(cloud, search, found)


def plans_while(
    cloud: _Cloud, ask: collections.abc.Callable[[], int], found: int
) -> list[_Plan]:
    """Call ``ask``; return the executed plan of each SELECT that it has sent."""
    _, engine = cloud
    sent: list[tuple[str, typing.Any]] = []

    def note(
        _conn: object, _cursor: object, sql: str, given: object, *_: object
    ) -> None:
        if sql.startswith("SELECT"):
            sent.append((sql, given))

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        assert ask() == found
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)
    with engine.connect() as conn:
        return [
            json.loads(json.dumps(explained))[0]["Plan"]
            for sql, given in sent
            for explained in conn.exec_driver_sql(
                f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}",
                given or None,
                # Without parameters, per cent signs stay as they are.
                execution_options={"no_parameters": not given},
            ).scalars()
        ]


def nodes(plan: _Plan) -> collections.abc.Iterator[_Plan]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from nodes(below)


def rows_read(plan: _Plan) -> int:
    """Count the rows read from tables, including filtered ones."""
    return sum(
        int(
            (node["Actual Rows"] + node.get("Rows Removed by Filter", 0))
            * node["Actual Loops"]
        )
        for node in nodes(plan)
        if "Relation Name" in node
    )


def rows_seen(plan: _Plan) -> int:
    """Count the rows of all nodes, including filtered ones."""
    return sum(
        int(
            (
                node["Actual Rows"]
                + node.get("Rows Removed by Filter", 0)
                + node.get("Rows Removed by Join Filter", 0)
            )
            * node["Actual Loops"]
        )
        for node in nodes(plan)
    )


AMOUNTS = {"VCPU": 10, "MEMORY_MB": 10, "DISK_GB": 10}

# Every host has the first three standard traits.
TRAITS = sorted(os_traits.get_traits())[:3]


@pytest.mark.parametrize("limit", [10, LIMIT])
def test_a_limited_search_reads_rows_in_proportion_to_its_limit(
    cloud: _Cloud, limit: int
) -> None:
    group = client.RequestGroup(resources=AMOUNTS)

    # The first search reads hosts, the next ones only their revisions.
    for most in (60, 5, 5):
        plans = plans_of(cloud, group, found=limit, limit=limit)
        # It also reads the names of traits, and samples to estimate selectivity.
        assert sum(map(rows_read, plans)) <= most * limit + 3000


def test_a_search_in_an_aggregate_reads_its_members(cloud: _Cloud) -> None:
    zone = str(uuid.UUID(int=5))
    group = client.RequestGroup(resources=AMOUNTS, member_of=[zone])

    for _ in range(2):
        plans = plans_of(cloud, group, found=100, limit=100)
        # Without statistics PostgreSQL does not expect few trees: it also reads the
        # tables of providers and of their aggregates once.
        assert sum(map(rows_read, plans)) <= 60 * HOSTS / 100 + 2 * HOSTS


@pytest.mark.parametrize("required", [TRAITS[:2], [f"in:{','.join(TRAITS)}"]])
@pytest.mark.parametrize("suffix", ["", "1"])
def test_a_limited_search_for_traits_reads_rows_in_proportion_to_its_limit(
    cloud: _Cloud, required: list[str], suffix: str
) -> None:
    group = client.RequestGroup(resources=AMOUNTS, required=required, suffix=suffix)

    plans = plans_of(cloud, group, found=LIMIT, limit=LIMIT)

    assert sum(map(rows_read, plans)) <= 120 * LIMIT


def wanted_by(query: str) -> plan.Plan:
    """Return the plan of a search for VCPU, MEMORY_MB and the first standard traits."""
    asked = candidates_request.parse(Query.parse(query.encode()), Version(1, 39))
    classes = {"VCPU": 0, "MEMORY_MB": 1}
    ids = {trait: number for number, trait in enumerate(TRAITS, start=1)}
    wanted = plan.plan(asked, Ids(classes, ids, {}, {}), TraitBits())
    assert wanted is not None
    return wanted


def test_the_statement_for_anchors_stops_at_its_limit(cloud: _Cloud) -> None:
    _, engine = cloud
    wanted = wanted_by("resources=VCPU:10,MEMORY_MB:10")

    with engine.connect() as conn:

        def narrow() -> int:
            return len(conn.scalars(selects.anchors(wanted, {}, 0, 100)).all())

        plans = plans_while(cloud, narrow, found=100)

    assert sum(map(rows_read, plans)) <= 10 * 100


@pytest.mark.parametrize("required", ["", f"&required1={','.join(TRAITS[:2])}"])
def test_a_listing_of_providers_reads_each_row_a_few_times(
    cloud: _Cloud, required: str
) -> None:
    _, engine = cloud
    wanted = wanted_by(f"resources1=VCPU:10,MEMORY_MB:10{required}")

    with engine.connect() as conn:

        def list_ids() -> int:
            return len(conn.scalars(selects.providers(wanted.groups[0])).all())

        plans = plans_while(cloud, list_ids, found=HOSTS - HOSTS // 7)

    assert sum(map(rows_seen, plans)) <= 30 * HOSTS


@pytest.mark.parametrize("units", [10, 200])
def test_no_search_reads_allocations(cloud: _Cloud, units: int) -> None:
    group = client.RequestGroup(resources=dict.fromkeys(AMOUNTS, units))
    found = LIMIT if units == 10 else 0

    for made in plans_of(cloud, group, found=found, limit=LIMIT):
        read = {
            node["Relation Name"] for node in nodes(made) if "Relation Name" in node
        }
        assert "allocations" not in read


def plans_of_steps(engine: sa.Engine, steps: list[batch.Step]) -> list[_Plan]:
    """Run the steps of a pipelined transaction and roll it back; return the plans."""
    plans = []
    with engine.connect() as conn, conn.connection.cursor() as cursor:
        cursor.execute(f"DEALLOCATE ALL; {batch.TRANSACTION}")
        for number, step in enumerate(steps):
            text = prepared._text(step.statement, conn.dialect)
            cursor.execute(f"PREPARE step_{number} {text.for_server}")
            run = prepared._with_values(cursor, text, f"step_{number}", step.parameters)
            cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {run}")
            plans.append(cursor.fetchone()[0][0]["Plan"])
        conn.rollback()
    return plans


def test_a_claim_and_a_release_read_only_their_rows(cloud: _Cloud) -> None:
    _, engine = cloud
    with engine.connect() as conn:
        hosts, consumer = (
            list(conn.scalars(sa.text(f"SELECT {column} FROM {table} LIMIT 2")))
            for column, table in (
                ("uuid", "resource_providers WHERE id % 7 > 0"),
                ("consumer_id", "allocations"),
            )
        )
    amounts = [Amount(uuid, name, 1) for uuid in hosts for name in AMOUNTS]
    wanted = Claim(str(uuid.uuid4()), tuple(amounts), Owner("project", "user"), None)
    known = claim_pipeline.KnownOwners()
    known.add([wanted])
    steps_of_claim = claim_pipeline.plan_claims(conn, Names(), known, [wanted])

    for steps in (steps_of_claim, claim_pipeline.plan_release(consumer[0])):
        for made in plans_of_steps(engine, steps):
            assert rows_read(made) <= 50
            for node in nodes(made):
                is_whole = node["Node Type"] == "Seq Scan"
                # Of the limits, any row is looked for, and none exists.
                small = (*SMALL, "placement_limits")
                assert not is_whole or node["Relation Name"] in small
