"""``placement-manage db audit`` finds each inconsistency, and repairs some."""

import collections.abc
import re

import pytest
import sqlalchemy as sa

from placement.cmd import audit as command
from placement.objects import audit
from tests.functional import api_ref, invariants
from tests.functional.audit import audits, inconsistencies
from tests.functional.audit.inconsistencies import Document, Inconsistency
from tests.functional.db import worlds

REPAIRABLE = [each for each in inconsistencies.ALL if each.is_repairable]
NOT_REPAIRABLE = [each for each in inconsistencies.ALL if not each.is_repairable]

Run = collections.abc.Callable[..., tuple[int, Document]]


def test_a_consistent_database_has_no_findings(world: sa.Engine, run: Run) -> None:
    status, report = run(world)

    assert status == 0
    assert report == {
        "database": world.url.render_as_string(),
        "mended": {},
        "findings": [],
        "left": {},
    }
    assert run(world, is_fixing=True) == (0, report)


def test_every_fact_has_an_inconsistency() -> None:
    # Not every database has statistics; db/test_statistics.py deletes them.
    facts = {
        fact.name: fact.repair is not None
        for fact in audit.FACTS
        if fact.name != "statistics"
    }
    assert {each.fact: each.is_repairable for each in inconsistencies.ALL} == facts


def test_every_fact_is_documented() -> None:
    page = (api_ref.DIRECTORY / "adoption.md").read_text()
    table = page.partition("| fact | finding |")[2].partition("\n\n")[0]
    rows = [re.findall(r"`(\w+)`", row.split("|")[1]) for row in table.splitlines()[2:]]

    assert {name for names in rows for name in names} == {
        fact.name for fact in audit.FACTS
    }


@pytest.mark.parametrize("broken", inconsistencies.ALL, ids=lambda each: each.fact)
def test_only_the_inconsistency_is_found(
    world: sa.Engine, run: Run, broken: Inconsistency
) -> None:
    worlds.execute(world, *broken.statements)

    status, report = run(world)

    assert status == 1
    assert report["left"] == {broken.fact: len(broken.findings)}
    for finding, details in zip(report["findings"], broken.findings, strict=True):
        assert finding["fact"] == broken.fact
        assert finding["can_be_mended"] is broken.is_repairable
        assert details.items() <= finding["about"].items()


@pytest.mark.parametrize("broken", REPAIRABLE, ids=lambda each: each.fact)
def test_an_inconsistency_with_only_one_repair_is_repaired(
    world: sa.Engine, run: Run, broken: Inconsistency
) -> None:
    worlds.execute(world, *broken.statements)

    status, report = run(world, is_fixing=True)

    assert (status, report["findings"]) == (0, [])
    assert report["mended"] == {broken.fact: len(broken.findings)}
    with world.connect() as conn:
        assert invariants.violations_in(conn) == []


@pytest.mark.parametrize("broken", NOT_REPAIRABLE, ids=lambda each: each.fact)
def test_an_inconsistency_with_several_repairs_is_left_unchanged(
    world: sa.Engine, run: Run, broken: Inconsistency
) -> None:
    worlds.execute(world, *broken.statements)
    before = audits.content(world)

    status, report = run(world, is_fixing=True)

    assert (status, report["mended"]) == (1, {})
    assert report["left"] == {broken.fact: len(broken.findings)}
    assert audits.content(world) == before


def test_all_repairs_together_restore_the_rows(world: sa.Engine, run: Run) -> None:
    # Of several inconsistencies of one fact, the last one.
    statements = {each.fact: each.statements for each in REPAIRABLE}
    worlds.execute(world, *(text for each in statements.values() for text in each))
    before = audits.content(world)["resource_providers"]

    assert run(world, is_fixing=True)[0] == 0

    after = audits.content(world)
    providers = after["resource_providers"]
    assert [row.root_provider_id for row in providers] == [1, 1, 3]
    assert [row.generation for row in providers] == [0, 0, 0]
    assert all(
        old.revision < new.revision for old, new in zip(before, providers, strict=True)
    )
    assert [row.used for row in after["inventories"]] == [9, 0, 6]
    consumers = {row.uuid: row.generation for row in after["consumers"]}
    assert consumers == {"c1": 0, inconsistencies.CANONICAL: 0}
    owners = {row.id: row.external_id for row in after["projects"]}
    assert [owners[row.project_id] for row in after["consumers"]] == ["p", audits.OWNER]


def test_more_findings_than_fit_in_a_batch_are_repaired(
    engine: sa.Engine, run: Run
) -> None:
    size = 2 * command._BATCH + 1
    worlds.execute(
        engine,
        "INSERT INTO projects (id, external_id) VALUES (1, 'p')",
        "INSERT INTO users (id, external_id) VALUES (1, 'u')",
        "INSERT INTO consumers (id, uuid, project_id, user_id, generation) VALUES "
        + ", ".join(f"({id_}, 'c{id_}', 1, 1, 1)" for id_ in range(1, size + 1)),
    )

    status, report = run(engine, is_fixing=True)

    assert (status, report["findings"]) == (0, [])
    assert report["mended"] == {"consumer_idle": size}
