"""A claim that is sent as one text does what a claim does, or nothing."""

import collections.abc
import functools
import random
import typing

import pytest
import sqlalchemy as sa

from placement import exception
from placement.db import batch, postgresql, tables, transaction
from placement.db.names import Names
from placement.objects import claim, claim_at_once
from placement.objects.claim import Claim
from placement.objects.claim_at_once import KnownOwners
from placement.objects.consumer import UNCHECKED, Owner, Unchecked
from placement.objects.room import Amount
from tests.functional import contents, databases, invariants, server, writes
from tests.functional.contents import Content
from tests.functional.db import contexts

OWNER = Owner(writes.PROJECT, writes.USER, "INSTANCE")
HOST, OTHER, NODE = writes.HOST, writes.OTHER, writes.NODE
NEW, NEWER = writes.STRANGER, writes.NEW
MISSING = writes.UNKNOWN

# Of those that are drawn; they are the same in every run.
SEEDS = range(60)


class Place(typing.NamedTuple):
    """The world of ``writes``, who looks at it, and what transactions need."""

    context: typing.Any
    keeper: contents.Keeper


@pytest.fixture(scope="module")
def shared_place(
    postgresql_server: databases.Databases,
) -> collections.abc.Iterator[Place]:
    with postgresql_server.new() as url, contexts.context(url) as context:
        with server.in_process(url) as application:
            writes.set_up(application)
        keeper = contents.Keeper(url)
        keeper.keep()
        yield Place(context, keeper)
        keeper.close()


@pytest.fixture
def place(shared_place: Place) -> collections.abc.Iterator[Place]:
    yield shared_place
    shared_place.keeper.put_back()


def amounts(*wanted: tuple[str, str, int]) -> tuple[Amount, ...]:
    return tuple(map(Amount._make, wanted))


def new(
    *wanted: tuple[str, str, int],
    consumer: str = NEW,
    owner: Owner = OWNER,
    generation: float | Unchecked | None = None,
) -> Claim:
    return Claim(consumer, amounts(*wanted), owner, generation)


def all_of(claims: list[Claim]) -> list[Amount]:
    return [amount for each in claims for amount in each.amounts]


class Came(typing.NamedTuple):
    """What came of claims: whether they were made, and what there is then."""

    is_done: bool
    content: Content


def ordinarily(place: Place, work: typing.Callable[[sa.Connection], None]) -> Came:
    try:
        transaction.write(place.context, work)
        is_done = True
    except exception.PlacementError:
        is_done = False
    came = Came(is_done, place.keeper.content())
    place.keeper.put_back()
    return came


def at_once(
    place: Place, plan: typing.Callable[[sa.Connection], list[batch.Step] | None]
) -> Came:
    with place.context.engine.connect() as conn, postgresql.alone(conn):
        steps = plan(conn)
        is_done = steps is not None and batch.run_whole(conn, steps)
    assert not is_done or not place.keeper.look(invariants.violations_in)
    return Came(is_done, place.keeper.content())


def claims_in_both_ways(place: Place, *claims: Claim) -> tuple[Came, Came]:
    names = place.context.names
    return (
        ordinarily(place, lambda conn: claim.replace(conn, names, claims)),
        claims_at_once(place, *claims),
    )


def claims_at_once(place: Place, *claims: Claim) -> Came:
    names, owners = place.context.names, KnownOwners()
    # What it is told may be wrong.
    owners.note(claims)
    return at_once(
        place, lambda conn: claim_at_once.claiming(conn, names, owners, claims)
    )


def release_in_both_ways(place: Place, consumer: str) -> tuple[Came, Came]:
    return (
        ordinarily(place, lambda conn: claim.release(conn, consumer)),
        at_once(place, lambda _conn: claim_at_once.releasing(consumer)),
    )


DONE = {
    "one amount": [new((HOST, "VCPU", 1))],
    "all that is left": [new((HOST, "VCPU", 6))],
    "a class of its own": [new((HOST, "CUSTOM_GPU", 4), (OTHER, "MEMORY_MB", 256))],
    "several providers": [new((OTHER, "CUSTOM_GPU", 1), (HOST, "MEMORY_MB", 512))],
    "no type": [new((HOST, "VCPU", 1), owner=OWNER._replace(consumer_type=None))],
    "no generation": [new((HOST, "VCPU", 1), generation=UNCHECKED)],
    "two consumers": [
        new((HOST, "VCPU", 3), (OTHER, "CUSTOM_GPU", 1)),
        new((HOST, "VCPU", 3), consumer=NEWER),
    ],
}

LEFT = {
    "more than is left": [new((HOST, "VCPU", 7))],
    "more than is left in all": [
        new((HOST, "VCPU", 4)),
        new((HOST, "VCPU", 4), consumer=NEWER),
    ],
    "no step": [new((HOST, "MEMORY_MB", 300))],
    "no inventory": [new((NODE, "VCPU", 1))],
    "no inventory of one class": [new((HOST, "VCPU", 1), (HOST, "DISK_GB", 1))],
    "no provider": [new((HOST, "VCPU", 1), (MISSING, "VCPU", 1))],
    "no class": [new((HOST, "CUSTOM_NONE", 1))],
    "no generation, but a consumer": [
        new((HOST, "VCPU", 1), consumer=writes.HOLDER, generation=UNCHECKED)
    ],
    "a consumer that should not be": [new((HOST, "VCPU", 1), consumer=writes.HOLDER)],
    "a consumer beside a new one": [
        new((HOST, "VCPU", 1)),
        new((HOST, "VCPU", 1), consumer=writes.SECOND),
    ],
    "a project that is not known": [
        new((HOST, "VCPU", 1), owner=OWNER._replace(project_id="other"))
    ],
    "a user who is not known": [
        new((HOST, "VCPU", 1), owner=OWNER._replace(user_id="other"))
    ],
    "a type that is not known": [
        new((HOST, "VCPU", 1), owner=OWNER._replace(consumer_type="OTHER"))
    ],
    "several sizes": [
        new((HOST, "VCPU", 1)),
        new((HOST, "VCPU", 2), consumer=NEWER),
    ],
}


@pytest.mark.parametrize("claims", DONE.values(), ids=DONE)
def test_what_it_does_is_what_a_claim_does(place: Place, claims: list[Claim]) -> None:
    ordinary, whole = claims_in_both_ways(place, *claims)

    assert ordinary.is_done
    assert whole.is_done
    assert not contents.difference(ordinary.content, whole.content)


@pytest.mark.parametrize("claims", LEFT.values(), ids=LEFT)
def test_what_it_does_not_do_it_leaves_as_it_was(
    place: Place, claims: list[Claim]
) -> None:
    before = place.keeper.content()
    _, whole = claims_in_both_ways(place, *claims)

    assert not whole.is_done
    assert not contents.difference(before, whole.content)


def drawn(draw: random.Random, consumer: str) -> Claim:
    """Return a claim that can be made more often than not."""
    providers = draw.choices([HOST, OTHER, writes.EMPTY, NODE], (9, 9, 9, 1), k=2)
    units = {
        "VCPU": draw.choice((1, 2, 4)),
        "MEMORY_MB": draw.choice((256, 256, 512, 300)),
        "CUSTOM_GPU": draw.choice((1, 1, 3)),
    }
    names = draw.sample(sorted(units), draw.randint(1, 3))
    wanted = {(draw.choice(providers), name): units[name] for name in names}
    return new(
        *((uuid, name, count) for (uuid, name), count in wanted.items()),
        consumer=consumer,
        generation=draw.choice((None, UNCHECKED)),
    )


def test_units_are_not_taken_of_a_class_with_another_name(place: Place) -> None:
    class OutdatedNames(Names):
        """Names as they were before CUSTOM_OLD was deleted and its id given away."""

        def resource_class_ids(self, conn, names, read_revision=None):
            now = super().resource_class_ids(conn, ["CUSTOM_GPU"], read_revision)
            return dict.fromkeys(names, now["CUSTOM_GPU"])

    owners = KnownOwners()
    before = place.keeper.content()
    for name in ("CUSTOM_OLD", "CUSTOM_GPU"):
        claims = [new((HOST, name, 1))]
        owners.note(claims)
        planned = functools.partial(
            claim_at_once.claiming,
            known_names=OutdatedNames(),
            known_owners=owners,
            claims=claims,
        )
        came = at_once(place, planned)

        assert came.is_done == (name == "CUSTOM_GPU")
        assert came.is_done == bool(contents.difference(before, came.content))


@pytest.mark.parametrize("seed", SEEDS)
def test_drawn_claims(place: Place, seed: int) -> None:
    draw = random.Random(seed)
    consumers = draw.sample([NEW, NEWER, writes.EMPTY], draw.randint(1, 3))
    claims = [drawn(draw, consumer) for consumer in consumers]
    before = place.keeper.content()

    ordinary, whole = claims_in_both_ways(place, *claims)

    expected = ordinary.content if whole.is_done else before
    assert not contents.difference(expected, whole.content)
    sizes = {(it.provider_uuid, it.resource_class): set() for it in all_of(claims)}
    for each in all_of(claims):
        sizes[each.provider_uuid, each.resource_class].add(each.units)
    is_for_it = all(len(each) == 1 for each in sizes.values())
    assert whole.is_done == (ordinary.is_done and is_for_it)


@pytest.mark.parametrize("consumer", [writes.HOLDER, writes.SECOND])
def test_a_release_does_what_a_release_does(place: Place, consumer: str) -> None:
    ordinary, whole = release_in_both_ways(place, consumer)

    assert ordinary.is_done
    assert whole.is_done
    assert not contents.difference(ordinary.content, whole.content)


def run_aside(place: Place, statement: sa.Executable) -> None:
    with place.context.engine.begin() as conn:
        conn.execute(statement)


OF_HOLDER = {
    "nobody": None,
    "who has no record": sa.delete(tables.consumers),
    "who holds nothing": sa.delete(tables.allocations),
}


def test_what_is_held_without_a_record_is_not_added_to(place: Place) -> None:
    run_aside(place, sa.delete(tables.consumers))
    before = place.keeper.content()

    came = claims_at_once(place, new((HOST, "VCPU", 1), consumer=writes.HOLDER))

    assert not came.is_done
    assert not contents.difference(before, came.content)


@pytest.mark.parametrize("statement", OF_HOLDER.values(), ids=OF_HOLDER)
def test_a_release_of_nothing_is_left(
    place: Place, statement: sa.Executable | None
) -> None:
    consumer = NEW if statement is None else writes.HOLDER
    if statement is not None:
        run_aside(place, statement)
    before = place.keeper.content()

    came = at_once(place, lambda _conn: claim_at_once.releasing(consumer))

    assert not came.is_done
    assert not contents.difference(before, came.content)
