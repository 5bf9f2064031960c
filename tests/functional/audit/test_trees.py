"""Audits of random trees find what walking up their parents finds."""

import random

import pytest
import sqlalchemy as sa

from tests.functional.audit import audits
from tests.functional.db import worlds

IDS = range(1, 9)
MISSING = 99

Links = dict[int, int | None]


@pytest.mark.parametrize("seed", range(8))
def test_findings_about_parents_and_roots_equal_those_of_a_walk_up_the_tree(
    engine: sa.Engine, seed: int
) -> None:
    """Parents may form cycles or be missing, and roots may be any provider."""
    draw = random.Random(seed)
    parents = {id_: draw.choice([None, None, *IDS, MISSING]) for id_ in IDS}
    roots = {id_: draw.choice([None, *IDS]) for id_ in IDS}
    create(engine, parents, roots)
    tops = {id_: top_of(parents, id_) for id_ in IDS}

    findings = audits.findings(engine)

    without_top = [id_ for id_ in IDS if tops[id_] is None]
    wrong = [id_ for id_ in IDS if tops[id_] not in (None, roots[id_])]
    assert ids_of(findings, "parents") == without_top
    assert ids_of(findings, "root") == wrong
    audits.repair(engine)
    assert {fact for fact, _ in audits.findings(engine)} <= {"parents"}
    after = {row.id: row for row in audits.content(engine)["resource_providers"]}
    assert {id_: after[id_].root_provider_id for id_ in IDS} == {
        id_: tops[id_] or roots[id_] for id_ in IDS
    }


def create(engine: sa.Engine, parents: Links, roots: Links) -> None:
    """Insert the providers with these parents and roots, by id."""
    rows = ", ".join(
        f"({id_}, 'p{id_}', 'p{id_}', 1, 0, {parents[id_] or 'NULL'},"
        f" {roots[id_] or 'NULL'})"
        for id_ in IDS
    )
    worlds.execute(
        engine,
        "INSERT INTO resource_providers (id, uuid, name, revision, generation,"
        f" parent_provider_id, root_provider_id) VALUES {rows}",
    )


def ids_of(findings: list[tuple[str, audits.Document]], fact: str) -> list[int]:
    """Return the ids of the providers that violate a fact."""
    return [details["id"] for name, details in findings if name == fact]


def top_of(parents: Links, id_: int) -> int | None:
    """Return the topmost parent, or None if a parent is missing or in a cycle."""
    for _ in parents:
        if id_ not in parents:
            return None
        above = parents[id_]
        if above is None:
            return id_
        id_ = above
    return None
