"""A claim of a known host is what reading first would have claimed, or is not written.

One process places consumers from what it knows, while another one changes the hosts.
"""

import collections.abc
import concurrent.futures
import contextlib
import typing
import uuid

import pytest
import sqlalchemy as sa

from placement import client, exception
from placement.candidates.pick import known
from placement.candidates.pick.model import Wanted
from placement.candidates.source.known_hosts import KnownHosts
from placement.conf.settings import DatabaseSettings
from placement.db import engine as engines
from placement.db import revision, tables
from placement.objects import change, claim
from tests.functional import contents, invariants, statements
from tests.servers import databases, server, sessions

# Ids are 1 and so on; an even greatest id would never leave an odd place.
HOSTS = [str(uuid.UUID(int=number)) for number in range(1, 6)]
HOST, NEXT = HOSTS[2], HOSTS[3]
TRAIT = "CUSTOM_FAST"
OTHER_TRAIT = "CUSTOM_SLOW"
AGGREGATE = uuid.UUID(int=10)
UNITS = 8
QUERY = f"resources=VCPU:1&required={TRAIT}"
SECONDS = 60

_providers = tables.resource_providers


class Place(typing.NamedTuple):
    """Two processes of the service on one database."""

    url: str
    knowing: client.Client
    other: client.Client


@pytest.fixture(scope="module")
def kept_place(
    postgresql_server: databases.Databases,
) -> collections.abc.Iterator[tuple[Place, contents.Keeper]]:
    with contextlib.ExitStack() as stack:
        url = stack.enter_context(postgresql_server.new())
        api, other = (
            client.Client(
                client.WSGITransport(stack.enter_context(server.in_process(url)))
            )
            for _ in range(2)
        )
        for trait in (TRAIT, OTHER_TRAIT):
            api.ensure_trait(trait)
        for number, host in enumerate(HOSTS):
            api.create_provider(f"host {number}", uuid=host)
            api.change_provider(
                host,
                add_traits=[TRAIT],
                add_aggregates=[AGGREGATE],
                set_inventories={"VCPU": client.Inventory(UNITS)},
            )
        keeper = contents.Keeper(url)
        keeper.keep()
        yield Place(url, api, other), keeper
        keeper.close()


@pytest.fixture
def place(
    kept_place: tuple[Place, contents.Keeper],
) -> collections.abc.Iterator[Place]:
    """The processes, of which the first one knows all hosts."""
    found, keeper = kept_place
    learn(found.knowing)
    yield found
    assert not invariants.violations(found.url)
    keeper.restore()


def consumer_of(host: str) -> str:
    """Return a new consumer for which this host comes first."""
    while True:
        consumer = str(uuid.uuid4())
        place = known.place_of(Wanted(consumer, (), typing.cast(typing.Any, None)))
        if HOSTS[place % len(HOSTS)] == host:
            return consumer


def wanted(consumer: str, query: str = QUERY) -> client.Wanted:
    return client.Wanted(consumer, query, "p", "u", "INSTANCE")


def placed(api: client.Client, consumer: str, query: str = QUERY) -> str:
    """Place a consumer; return the uuid of its host."""
    (answer,) = api.place(wanted(consumer, query))
    (host,) = answer.by_provider
    return str(host)


def learn(api: client.Client) -> None:
    """Place consumers until the process knows every host."""
    for host in HOSTS:
        is_known = False
        # After refusals in an earlier test, some requests read first.
        for _ in range(100):
            consumer = consumer_of(host)
            with statements.recorded() as sent:
                assert placed(api, consumer) == host
            api.delete_allocations(consumer)
            is_known = len(sent) == 1
            if is_known:
                break
        assert is_known, sent


def fill(api: client.Client, host: str) -> str:
    """Claim all that is left of a host; return the consumer."""
    left = UNITS - api.get_usages(host).resources["VCPU"]
    consumer = str(uuid.uuid4())
    assert api.claim(
        consumer,
        client.AllocationRequest({host: {"VCPU": left}}),
        project_id="p",
        user_id="u",
        consumer_type="INSTANCE",
    )
    return consumer


def recreate_trait(api: client.Client) -> None:
    """Give the trait to all hosts but one, under another id."""
    for host in HOSTS:
        api.change_provider(host, remove_traits=[TRAIT])
    api.delete_trait(TRAIT)
    api.ensure_trait(TRAIT)
    for host in HOSTS:
        if host != HOST:
            api.change_provider(host, add_traits=[TRAIT])


def recreate_host(api: client.Client) -> None:
    """Replace a host by one with the same uuid, without the trait."""
    api.delete_provider(HOST)
    api.create_provider("again", uuid=HOST)
    api.change_provider(HOST, set_inventories={"VCPU": client.Inventory(UNITS)})


def raise_min_unit(api: client.Client) -> None:
    offer = client.Inventory(UNITS, min_unit=2)
    api.change_provider(HOST, set_inventories={"VCPU": offer})


# After these, the host does not fit.
CHANGES: dict[str, collections.abc.Callable[[client.Client], object]] = {
    "its trait is removed": lambda api: api.change_provider(
        HOST, remove_traits=[TRAIT]
    ),
    "its inventory is removed": lambda api: api.change_provider(
        HOST, remove_inventories=["VCPU"]
    ),
    "its inventory is too small": lambda api: api.change_provider(
        HOST, set_inventories={"VCPU": client.Inventory(UNITS, reserved=UNITS)}
    ),
    "its inventory has a greater min_unit": raise_min_unit,
    "it is cordoned": lambda api: api.cordon(HOST),
    "it is deleted": lambda api: api.delete_provider(HOST),
    "it is another host with its uuid": recreate_host,
    "it is full": lambda api: fill(api, HOST),
    "its trait has another id": recreate_trait,
}


def test_a_host_that_joins_another_tree_is_claimed_as_part_of_it(place: Place) -> None:
    place.other.update_provider(HOST, "node", parent_uuid=HOSTS[0])
    query = f"resources=VCPU:{UNITS}&required={TRAIT}"
    last = consumer_of(HOSTS[-1])
    assert placed(place.knowing, consumer_of(HOSTS[-1]), query) == HOSTS[-1]

    found = [placed(place.knowing, last, query)]
    found += [placed(place.knowing, consumer_of(HOST), query) for _ in range(3)]

    # Its tree comes after those with greater ids.
    assert found == [HOSTS[0], NEXT, HOST, HOSTS[1]]


CHANGES_OF_ORDER: dict[str, collections.abc.Callable[[client.Client], object]] = {
    **CHANGES,
    "nothing": lambda _: None,
    "a host has a child": lambda api: api.create_provider("child", parent_uuid=HOST),
    "a host is added": lambda api: api.create_provider("more"),
    "a host joins another tree": lambda api: api.update_provider(
        HOST, "node", parent_uuid=HOSTS[0]
    ),
    "another host is full": lambda api: fill(api, NEXT),
    "a trait is added": lambda api: api.ensure_trait("CUSTOM_NEW"),
}


@pytest.mark.parametrize("change", CHANGES_OF_ORDER)
def test_a_known_host_is_the_one_that_reading_finds(
    place: Place, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    CHANGES_OF_ORDER[change](place.other)
    consumers = [consumer_of(host) for host in HOSTS]

    found = []
    for consumer in consumers:
        found.append(placed(place.knowing, consumer))
        place.knowing.delete_allocations(consumer)

    assert change not in CHANGES or found[HOSTS.index(HOST)] != HOST
    monkeypatch.setattr(known, "pick", lambda *_: None)
    for consumer, host in zip(consumers, found, strict=True):
        assert placed(place.other, consumer) == host
        place.other.delete_allocations(consumer)


def test_a_host_that_was_full_comes_first_as_soon_as_it_has_room(place: Place) -> None:
    holder = fill(place.other, HOST)
    consumers = [consumer_of(HOST) for _ in range(3)]
    assert placed(place.knowing, consumers[0]) == NEXT
    with statements.recorded() as sent:
        assert placed(place.knowing, consumers[1]) == NEXT
    # The host before it is known to be full.
    assert len(sent) <= 2, sent

    place.other.delete_allocations(holder)

    assert placed(place.knowing, consumers[2]) == HOST


def test_a_provider_that_begins_to_share_comes_first_with_a_full_host(
    place: Place,
) -> None:
    fill(place.other, HOST)
    learned = [placed(place.knowing, consumer_of(HOST)) for _ in range(3)]
    assert learned == [NEXT] * 3
    pool = HOSTS[-1]

    place.other.change_provider(pool, add_traits=["MISC_SHARES_VIA_AGGREGATE"])

    assert placed(place.knowing, consumer_of(HOST)) == pool


def test_a_trait_that_does_not_exist_any_more_is_reported(place: Place) -> None:
    query = f"resources=VCPU:1&required=!{OTHER_TRAIT}"
    # The first request reads the names.
    for _ in range(2):
        assert placed(place.knowing, consumer_of(HOST), query) == HOST

    place.other.delete_trait(OTHER_TRAIT)

    with pytest.raises(client.BadRequest):
        placed(place.knowing, consumer_of(HOST), query)


def test_the_last_room_is_found_wherever_it_is(place: Place) -> None:
    for host in HOSTS:
        if host != HOSTS[1]:
            fill(place.other, host)

    assert placed(place.knowing, consumer_of(HOST)) == HOSTS[1]
    fill(place.other, HOSTS[1])
    with pytest.raises(client.NoCandidate):
        placed(place.knowing, consumer_of(HOST))


def test_own_claims_fill_a_host_without_a_refusal(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcomes = []
    note = KnownHosts.note_outcome

    def noted(self: KnownHosts, is_refused: bool) -> None:
        outcomes.append(is_refused)
        note(self, is_refused)

    monkeypatch.setattr(KnownHosts, "note_outcome", noted)

    found = [placed(place.knowing, consumer_of(HOST)) for _ in range(UNITS + 1)]

    assert found == [HOST] * UNITS + [NEXT]
    assert not any(outcomes)
    # The process counts what it has claimed, and not what was released.
    assert len(outcomes) == UNITS - 1


def test_a_claim_is_recorded_for_the_feed_in_the_same_round_trip(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(change, "is_on", lambda _: True)
    consumer = consumer_of(HOST)

    with statements.recorded() as sent:
        assert placed(place.knowing, consumer) == HOST

    assert len(sent) == 1
    engine = engines.create_engine(DatabaseSettings(place.url))
    with engine.connect() as conn:
        found = conn.scalars(sa.select(tables.changes.c.consumer_uuid)).all()
    engine.dispose()
    assert found == [consumer]


def test_an_existing_consumer_is_refused(place: Place) -> None:
    consumer = consumer_of(HOST)
    placed(place.other, consumer)

    with pytest.raises(client.Conflict) as refused:
        placed(place.knowing, consumer)

    assert refused.value.code == "placement.ext.consumer_exists"


def test_a_limit_that_another_process_sets_holds(place: Place) -> None:
    place.other.replace_limits("p", {"VCPU": 0})

    with pytest.raises(client.Conflict) as refused:
        placed(place.knowing, consumer_of(HOST))

    assert refused.value.code == "placement.ext.limit_exceeded"


def test_a_change_that_a_claim_waits_for_counts(place: Place) -> None:
    engine = engines.create_engine(DatabaseSettings(place.url))
    with (
        concurrent.futures.ThreadPoolExecutor(1) as threads,
        engine.connect() as conn,
    ):
        conn.execute(
            sa.update(_providers)
            .where(_providers.c.uuid == HOST)
            .values(revision=revision.next_of(_providers.c.revision))
        )
        conn.execute(
            sa.delete(tables.resource_provider_traits).where(
                tables.resource_provider_traits.c.resource_provider_id == 3
            )
        )
        answer = threads.submit(placed, place.knowing, consumer_of(HOST))
        sessions.wait_until_blocked(engine)
        conn.commit()

        assert answer.result(SECONDS) == NEXT
    engine.dispose()


def test_a_lost_outcome_is_reported(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(*_: object) -> typing.NoReturn:
        raise exception.Unavailable(reason="lost")

    monkeypatch.setattr(claim, "place_seen", lost)

    with pytest.raises(client.Unavailable):
        placed(place.knowing, consumer_of(HOST))
