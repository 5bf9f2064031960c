"""What a claim sends as one text is kept in files, see ``sql_files``."""

import pathlib

import pytest

from placement.db import names
from placement.objects import claim_at_once
from placement.objects.claim import Claim
from placement.objects.consumer import UNCHECKED, Owner
from placement.objects.room import Amount
from tests.unit import sql_files

OWNER = Owner("project", "user", "INSTANCE")
TWO = (Amount("a", "VCPU", 1), Amount("b", "VCPU", 1))


def claiming(*claims: Claim):
    known = claim_at_once.KnownOwners()
    known.note([claim(*TWO)])
    # Standard classes are known without a database.
    return claim_at_once.claiming(None, names.Names(), known, claims)


def claim(*amounts: Amount, consumer="consumer", generation=None, owner=OWNER) -> Claim:
    return Claim(consumer, amounts, owner, generation)


@pytest.mark.parametrize(
    ("name", "place"), [("add", 0), ("lock", 1), ("advance", 2), ("take", 3)]
)
def test_a_claim(name: str, place: int) -> None:
    assert_sql(claiming(claim(*TWO)), place, f"claim_{name}")


@pytest.mark.parametrize(
    ("name", "place"),
    [("delete_consumer", 0), ("lock", 1), ("show_usage", 2), ("give_back", 3)],
)
def test_a_release(name: str, place: int) -> None:
    assert_sql(claim_at_once.releasing("consumer"), place, f"release_{name}")


def test_a_claim_of_a_custom_class() -> None:
    class KnownNames(names.Names):
        def resource_class_ids(self, _conn, names, _read_revision=None):
            return dict.fromkeys(names, 10000)

    known = claim_at_once.KnownOwners()
    custom = claim(Amount("a", "CUSTOM_A", 1))
    known.note([custom])
    steps = claim_at_once.claiming(None, KnownNames(), known, [custom])

    assert len(steps) == len(claiming(claim(TWO[0]))) + 1
    assert_sql(steps, -1, "claim_require_names")


def assert_sql(steps, place: int, name: str) -> None:
    directory = pathlib.Path(__file__).parent / "sql"
    sql_files.assert_sql(directory, steps[place].statement, name, "postgresql")


def test_one_provider_is_locked_by_its_change_alone() -> None:
    assert len(claiming(claim(*TWO[:1]))) == len(claiming(claim(*TWO))) - 1


def test_the_statements_are_the_same_for_any_number_of_claims() -> None:
    one = claiming(claim(*TWO))
    three = claiming(*(claim(*TWO, consumer=f"consumer {n}") for n in range(3)))

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
def test_it_is_not_for_every_claim(wanted: Claim) -> None:
    assert claiming(wanted) is None
    assert claiming(claim(*TWO, consumer="another"), wanted) is None


def test_of_many_owners_not_all_are_remembered(monkeypatch) -> None:
    monkeypatch.setattr(claim_at_once, "_OWNERS_MAX", 2)
    claims = [claim(*TWO, owner=OWNER._replace(user_id=f"user {n}")) for n in range(4)]
    known = claim_at_once.KnownOwners()
    remembered = []
    for each in claims:
        known.note([each])
        remembered.append([known.has_all([one]) for one in claims])

    assert remembered[2] == [True, True, True, False]
    assert remembered[3] == [False, False, False, True]


def test_an_owner_for_whom_nothing_was_claimed_is_not_known() -> None:
    known = claim_at_once.KnownOwners()
    known.note([claim()])

    assert not known.has_all([claim(*TWO)])


def test_who_gives_no_generation_may_be_new() -> None:
    assert claiming(claim(*TWO, generation=UNCHECKED)) is not None
