"""A pipelined claim has the effect of the same claim in a transaction, or none."""

import collections.abc
import functools
import random
import typing

import pytest
import sqlalchemy as sa

from placement import exception
from placement.db import batch, postgresql, tables, transaction
from placement.db.names import Names
from placement.objects import claim_pipeline, claim_transaction, release_transaction
from placement.objects.claim_request import Amount, Claim
from placement.objects.consumer import UNCHECKED, Owner, Unchecked
from tests.functional import contents, invariants, write_operations
from tests.functional.contents import Content
from tests.functional.db import contexts
from tests.servers import databases, server

OWNER = Owner(write_operations.PROJECT, write_operations.USER, "INSTANCE")
HOST, OTHER, NODE = write_operations.HOST, write_operations.OTHER, write_operations.NODE
NEW, NEWER = write_operations.STRANGER, write_operations.NEW
MISSING = write_operations.UNKNOWN

# Of the random claims.
SEEDS = range(60)


class Place(typing.NamedTuple):
    """The database of ``writes``, with what reads and restores its content."""

    context: typing.Any
    keeper: contents.Keeper


@pytest.fixture(scope="module")
def shared_place(
    postgresql_server: databases.Databases,
) -> collections.abc.Iterator[Place]:
    with postgresql_server.new() as url, contexts.context(url) as context:
        with server.in_process(url) as application:
            write_operations.set_up(application)
        keeper = contents.Keeper(url)
        keeper.keep()
        yield Place(context, keeper)
        keeper.close()


@pytest.fixture
def place(shared_place: Place) -> collections.abc.Iterator[Place]:
    yield shared_place
    shared_place.keeper.restore()


def amounts(*wanted: tuple[str, str, int]) -> tuple[Amount, ...]:
    return tuple(map(Amount._make, wanted))


def new(
    *wanted: tuple[str, str, int],
    consumer: str = NEW,
    owner: Owner = OWNER,
    generation: float | Unchecked | None = None,
) -> Claim:
    return Claim(consumer, amounts(*wanted), owner, generation)


def amounts_of(claims: list[Claim]) -> list[Amount]:
    return [amount for each in claims for amount in each.amounts]


class Outcome(typing.NamedTuple):
    """Whether a write succeeded, and the content of the database after it."""

    is_done: bool
    content: Content


def in_transaction(
    place: Place, work: typing.Callable[[sa.Connection], None]
) -> Outcome:
    try:
        transaction.write(place.context, work)
        is_done = True
    except exception.PlacementError:
        is_done = False
    outcome = Outcome(is_done, place.keeper.content())
    place.keeper.restore()
    return outcome


def in_pipeline(
    place: Place, plan: typing.Callable[[sa.Connection], list[batch.Step] | None]
) -> Outcome:
    with place.context.engine.connect() as conn, postgresql.autocommit(conn):
        steps = plan(conn)
        is_done = steps is not None and batch.run_transaction(conn, steps) is not None
    assert not is_done or not place.keeper.look(invariants.violations_in)
    return Outcome(is_done, place.keeper.content())


def claim_both_ways(place: Place, *claims: Claim) -> tuple[Outcome, Outcome]:
    names = place.context.names
    return (
        in_transaction(
            place, lambda conn: claim_transaction.replace(conn, names, claims)
        ),
        claim_in_pipeline(place, *claims),
    )


def claim_in_pipeline(place: Place, *claims: Claim) -> Outcome:
    names, owners = place.context.names, claim_pipeline.KnownOwners()
    # Also owners that are not stored: the statements have to find that out.
    owners.add(claims)
    return in_pipeline(
        place, lambda conn: claim_pipeline.plan_claims(conn, names, owners, claims)
    )


def release_both_ways(place: Place, consumer: str) -> tuple[Outcome, Outcome]:
    return (
        in_transaction(place, lambda conn: release_transaction.release(conn, consumer)),
        in_pipeline(place, lambda _conn: claim_pipeline.plan_release(consumer)),
    )


DONE = {
    "one amount": [new((HOST, "VCPU", 1))],
    "all free units": [new((HOST, "VCPU", 6))],
    "custom class": [new((HOST, "CUSTOM_GPU", 4), (OTHER, "MEMORY_MB", 256))],
    "several providers": [new((OTHER, "CUSTOM_GPU", 1), (HOST, "MEMORY_MB", 512))],
    "no type": [new((HOST, "VCPU", 1), owner=OWNER._replace(consumer_type=None))],
    "no generation": [new((HOST, "VCPU", 1), generation=UNCHECKED)],
    "two consumers": [
        new((HOST, "VCPU", 3), (OTHER, "CUSTOM_GPU", 1)),
        new((HOST, "VCPU", 3), consumer=NEWER),
    ],
}

REFUSED = {
    "more than is free": [new((HOST, "VCPU", 7))],
    "together more than is free": [
        new((HOST, "VCPU", 4)),
        new((HOST, "VCPU", 4), consumer=NEWER),
    ],
    "not a multiple of step_size": [new((HOST, "MEMORY_MB", 300))],
    "no inventory": [new((NODE, "VCPU", 1))],
    "no inventory of one class": [new((HOST, "VCPU", 1), (HOST, "DISK_GB", 1))],
    "no provider": [new((HOST, "VCPU", 1), (MISSING, "VCPU", 1))],
    "no class": [new((HOST, "CUSTOM_NONE", 1))],
    "no generation, consumer exists": [
        new((HOST, "VCPU", 1), consumer=write_operations.HOLDER, generation=UNCHECKED)
    ],
    "consumer exists": [new((HOST, "VCPU", 1), consumer=write_operations.HOLDER)],
    "a new consumer and an existing one": [
        new((HOST, "VCPU", 1)),
        new((HOST, "VCPU", 1), consumer=write_operations.SECOND),
    ],
    "new project": [new((HOST, "VCPU", 1), owner=OWNER._replace(project_id="other"))],
    "new user": [new((HOST, "VCPU", 1), owner=OWNER._replace(user_id="other"))],
    "new type": [new((HOST, "VCPU", 1), owner=OWNER._replace(consumer_type="OTHER"))],
    "several sizes": [
        new((HOST, "VCPU", 1)),
        new((HOST, "VCPU", 2), consumer=NEWER),
    ],
}


@pytest.mark.parametrize("claims", DONE.values(), ids=DONE)
def test_a_pipelined_claim_has_the_effect_of_a_transaction(
    place: Place, claims: list[Claim]
) -> None:
    expected, pipelined = claim_both_ways(place, *claims)

    assert expected.is_done
    assert pipelined.is_done
    assert not contents.difference(expected.content, pipelined.content)


@pytest.mark.parametrize("claims", REFUSED.values(), ids=REFUSED)
def test_a_refused_claim_changes_nothing(place: Place, claims: list[Claim]) -> None:
    before = place.keeper.content()
    _, pipelined = claim_both_ways(place, *claims)

    assert not pipelined.is_done
    assert not contents.difference(before, pipelined.content)


def drawn(draw: random.Random, consumer: str) -> Claim:
    """Return a claim that succeeds in more than half of the cases."""
    providers = draw.choices(
        [HOST, OTHER, write_operations.EMPTY, NODE], (9, 9, 9, 1), k=2
    )
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


def test_a_class_whose_id_has_another_name_by_now_is_refused(place: Place) -> None:
    class OutdatedNames(Names):
        """Names from before CUSTOM_OLD was deleted and its id reused."""

        def resource_class_ids(self, conn, names, read_revision=None):
            now = super().resource_class_ids(conn, ["CUSTOM_GPU"], read_revision)
            return dict.fromkeys(names, now["CUSTOM_GPU"])

    owners = claim_pipeline.KnownOwners()
    before = place.keeper.content()
    for name in ("CUSTOM_OLD", "CUSTOM_GPU"):
        claims = [new((HOST, name, 1))]
        owners.add(claims)
        planned = functools.partial(
            claim_pipeline.plan_claims,
            known_names=OutdatedNames(),
            known_owners=owners,
            claims=claims,
        )
        outcome = in_pipeline(place, planned)

        assert outcome.is_done == (name == "CUSTOM_GPU")
        assert outcome.is_done == bool(contents.difference(before, outcome.content))


@pytest.mark.parametrize("seed", SEEDS)
def test_random_claims_have_the_effect_of_a_transaction(
    place: Place, seed: int
) -> None:
    draw = random.Random(seed)
    consumers = draw.sample([NEW, NEWER, write_operations.EMPTY], draw.randint(1, 3))
    claims = [drawn(draw, consumer) for consumer in consumers]
    before = place.keeper.content()

    expected, pipelined = claim_both_ways(place, *claims)

    content = expected.content if pipelined.is_done else before
    assert not contents.difference(content, pipelined.content)
    sizes = {(it.provider_uuid, it.resource_class): set() for it in amounts_of(claims)}
    for each in amounts_of(claims):
        sizes[each.provider_uuid, each.resource_class].add(each.units)
    has_plan = all(len(each) == 1 for each in sizes.values())
    assert pipelined.is_done == (expected.is_done and has_plan)


@pytest.mark.parametrize("consumer", [write_operations.HOLDER, write_operations.SECOND])
def test_a_pipelined_release_has_the_effect_of_a_transaction(
    place: Place, consumer: str
) -> None:
    expected, pipelined = release_both_ways(place, consumer)

    assert expected.is_done
    assert pipelined.is_done
    assert not contents.difference(expected.content, pipelined.content)


def execute(place: Place, statement: sa.Executable) -> None:
    with place.context.engine.begin() as conn:
        conn.execute(statement)


MISSING_ROWS = {
    "unknown consumer": None,
    "no record": sa.delete(tables.consumers),
    "no allocations": sa.delete(tables.allocations),
}


def test_a_claim_for_a_consumer_with_allocations_but_no_record_is_refused(
    place: Place,
) -> None:
    execute(place, sa.delete(tables.consumers))
    before = place.keeper.content()

    outcome = claim_in_pipeline(
        place, new((HOST, "VCPU", 1), consumer=write_operations.HOLDER)
    )

    assert not outcome.is_done
    assert not contents.difference(before, outcome.content)


@pytest.mark.parametrize("statement", MISSING_ROWS.values(), ids=MISSING_ROWS)
def test_a_release_without_record_or_allocations_is_refused(
    place: Place, statement: sa.Executable | None
) -> None:
    consumer = NEW if statement is None else write_operations.HOLDER
    if statement is not None:
        execute(place, statement)
    before = place.keeper.content()

    outcome = in_pipeline(place, lambda _conn: claim_pipeline.plan_release(consumer))

    assert not outcome.is_done
    assert not contents.difference(before, outcome.content)
