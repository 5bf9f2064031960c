"""The steps of a pipeline; their SQL is in files, see ``sql_files``."""

import pathlib

import pytest

from placement import extension_exception
from placement.db import names
from placement.objects import claim_pipeline
from placement.objects.claim_request import Amount, Claim, Seen
from placement.objects.consumer import UNCHECKED, Owner
from tests.unit import sql_files

OWNER = Owner("project", "user", "INSTANCE")
TWO = (Amount("a", "VCPU", 1), Amount("b", "VCPU", 1))


def planned(*claims: Claim, limits=None):
    known = claim_pipeline.KnownOwners()
    known.add([claim(*TWO)])
    # Standard classes are known without a database.
    return claim_pipeline.plan_claims(None, names.Names(), known, claims, limits)


@pytest.fixture
def limits():
    """What is known where a project has limits."""
    known = claim_pipeline.KnownLimits()
    known.exist = True
    return known


def claim(*amounts: Amount, consumer="consumer", generation=None, owner=OWNER) -> Claim:
    return Claim(consumer, amounts, owner, generation)


@pytest.mark.parametrize(
    ("name", "place"), [("add", 0), ("lock", 1), ("advance", 2), ("reserve", 3)]
)
def test_the_statements_of_a_claim(name: str, place: int) -> None:
    assert_sql(planned(claim(*TWO)), place, f"claim_{name}")


@pytest.mark.parametrize(
    ("name", "place"),
    [("delete_consumer", 0), ("lock", 1), ("advance_revisions", 2), ("free", 3)],
)
def test_the_statements_of_a_release(name: str, place: int) -> None:
    assert_sql(claim_pipeline.plan_release("consumer"), place, f"release_{name}")


@pytest.mark.parametrize(
    ("name", "place"), [("add_limited", 0), ("lock_usage", 4), ("count_usage", 5)]
)
def test_the_statements_of_a_claim_with_limits(name: str, place: int, limits) -> None:
    assert_sql(planned(claim(*TWO), limits=limits), place, f"claim_{name}")


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("lock_consumer", 0),
        ("lock", 1),
        ("advance_revisions", 2),
        ("lock_usage", 3),
        ("count_usage", 4),
        ("free", 5),
        ("delete_limited_consumer", 6),
    ],
)
def test_the_statements_of_a_release_with_limits(name: str, place: int, limits) -> None:
    steps = claim_pipeline.plan_release("consumer", limits)
    assert_sql(steps, place, f"release_{name}")


def test_the_statement_of_a_claim_of_a_known_host() -> None:
    known = claim_pipeline.KnownOwners()
    known.add([claim(*TWO)])
    seen = Seen(5, [2, 3], [20, 30], [2], [0], 7, None)

    steps = claim_pipeline.plan_seen(
        known, claim(TWO[0]), seen, claim_pipeline.KnownLimits(), is_recorded=False
    )

    assert len(steps) == 1
    assert_sql(steps, 0, "claim_place")


def test_a_known_host_is_not_claimed_by_a_new_owner_or_beside_limits(limits) -> None:
    seen = Seen(5, [3], [30], [], [0], 7, None)
    known = claim_pipeline.KnownOwners()
    none = claim_pipeline.KnownLimits()

    assert claim_pipeline.plan_seen(known, claim(TWO[0]), seen, none, False) is None
    known.add([claim(*TWO)])
    assert claim_pipeline.plan_seen(known, claim(TWO[0]), seen, none, False)
    assert claim_pipeline.plan_seen(known, claim(TWO[0]), seen, limits, False) is None


def test_usage_is_summed_by_project_in_the_order_of_locks(limits) -> None:
    other = OWNER._replace(project_id="another")
    known = claim_pipeline.KnownOwners()
    claims = [
        claim(Amount("a", "MEMORY_MB", 5), *TWO),
        claim(*TWO, consumer="second"),
        claim(*TWO, consumer="third", owner=other),
    ]
    known.add(claims)

    steps = claim_pipeline.plan_claims(None, names.Names(), known, claims, limits)

    assert steps[-1].parameters == {
        "projects": ["another", "another", "project", "project", "project"],
        "classes": [-1, 0, -1, 0, 1],
        "changes": [1, 2, 2, 4, 5],
    }


def test_a_project_that_has_reached_a_limit_has_no_plan_until_it_claims(limits) -> None:
    reached = extension_exception.LimitExceeded(
        project_id="project", resource_class="VCPU", limit=1, used=1, amount=1
    )
    with pytest.raises(extension_exception.LimitExceeded), limits.noting([claim(*TWO)]):
        raise reached
    assert planned(claim(*TWO), limits=limits) is None

    with limits.noting([claim(*TWO)]):
        pass
    assert planned(claim(*TWO), limits=limits) is not None


def test_a_claim_of_a_custom_class_checks_its_name() -> None:
    class KnownNames(names.Names):
        def resource_class_ids(self, _conn, names, _read_revision=None):
            return dict.fromkeys(names, 10000)

    known = claim_pipeline.KnownOwners()
    custom = claim(Amount("a", "CUSTOM_A", 1))
    known.add([custom])
    steps = claim_pipeline.plan_claims(None, KnownNames(), known, [custom])

    assert len(steps) == len(planned(claim(TWO[0]))) + 1
    assert_sql(steps, -1, "claim_require_names")


def assert_sql(steps, place: int, name: str) -> None:
    directory = pathlib.Path(__file__).parent / "sql"
    sql_files.assert_sql(directory, steps[place].statement, name, "postgresql")


def test_a_single_provider_needs_no_separate_lock() -> None:
    assert len(planned(claim(*TWO[:1]))) == len(planned(claim(*TWO))) - 1


def test_the_statements_are_the_same_for_any_number_of_claims() -> None:
    one = planned(claim(*TWO))
    three = planned(*(claim(*TWO, consumer=f"consumer {n}") for n in range(3)))

    assert [id(step.statement) for step in one] == [id(it.statement) for it in three]


@pytest.mark.parametrize(
    "wanted",
    [
        claim(),
        claim(*TWO, generation=0),
        claim(*TWO, generation=1.0),
        claim(*TWO, owner=OWNER._replace(consumer_type=None)),
        claim(TWO[0], Amount("a", "VCPU", 2)),
        claim(Amount("a", "VCPU", 2**31)),
        claim(*(Amount(f"provider {n}", "VCPU", 1) for n in range(101))),
    ],
)
def test_other_claims_have_no_plan(wanted: Claim) -> None:
    assert planned(wanted) is None
    assert planned(claim(*TWO, consumer="another"), wanted) is None


def test_the_number_of_known_owners_is_limited(monkeypatch) -> None:
    monkeypatch.setattr(claim_pipeline, "_KNOWN_MAX", 2)
    claims = [claim(*TWO, owner=OWNER._replace(user_id=f"user {n}")) for n in range(4)]
    known = claim_pipeline.KnownOwners()
    known_after = []
    for each in claims:
        known.add([each])
        known_after.append([known.has_all([one]) for one in claims])

    assert known_after[2] == [True, True, True, False]
    assert known_after[3] == [False, False, False, True]


def test_the_owner_of_an_empty_claim_is_not_stored() -> None:
    known = claim_pipeline.KnownOwners()
    known.add([claim()])

    assert not known.has_all([claim(*TWO)])


def test_a_claim_without_a_generation_may_be_of_a_new_consumer() -> None:
    assert planned(claim(*TWO, generation=UNCHECKED)) is not None
