"""A race: one unit is left, and several clients claim it at the same moment."""

import collections.abc
import contextlib
import threading
import time
import typing
import uuid

from tests.functional.connection import Connection

SECONDS = 60

# How long a gate stays closed once all claimers have been let off: in this time
# their claims get as far as they can.
GATE_SECONDS = 0.05
VERSION = "1.39"
WON, LOST = 204, 409
PROJECT = str(uuid.UUID(int=1))
USER = str(uuid.UUID(int=2))


class Claim(typing.NamedTuple):
    """How one claimer fared; times are of the monotonic clock, in seconds."""

    consumer: str
    status: int
    sent: float
    answered: float


class Round(typing.NamedTuple):
    """One unit, claimed by all at once; ``used`` is what the service says after."""

    claims: list[Claim]
    used: int

    @property
    def winners(self) -> int:
        return sum(claim.status == WON for claim in self.claims)

    @property
    def losers(self) -> int:
        return sum(claim.status == LOST for claim in self.claims)

    @property
    def collided(self) -> bool:
        """Every claim was on its way before the first was answered."""
        last_sent = max(claim.sent for claim in self.claims)
        return last_sent < min(claim.answered for claim in self.claims)


Gate = collections.abc.Callable[[], contextlib.AbstractContextManager[object]]


def rounds(
    url: str,
    count: int,
    claimers: int,
    gate: Gate = contextlib.nullcontext,
    others: collections.abc.Sequence[str] = (),
) -> collections.abc.Iterator[Round]:
    """Run ``count`` rounds on one provider of one unit; it is free before each.

    Claimers take turns in asking the service at ``url`` and those at ``others``,
    and so do those who look at what came of it.

    While ``gate()`` is entered no claim can be decided; without one they come as
    close together as the machine lets them.

    Raises RuntimeError when the service refuses something that is not a claim.
    """
    provider = str(uuid.uuid4())
    path = f"/resource_providers/{provider}"
    offer = {"resource_provider_generation": 0, "inventories": {"VCPU": {"total": 1}}}
    body = {"uuid": provider, "name": provider}
    with Connection(url, VERSION) as api:
        api.send("POST", "/resource_providers", body).document()
        api.send("PUT", f"{path}/inventories", offer).document()
    urls = [url, *others]
    for number in range(count):
        asked = [urls[place % len(urls)] for place in range(claimers)]
        claims = _claim_at_once(asked, provider, gate)
        # A server may close a connection that was silent for the time of a round.
        with Connection(urls[number % len(urls)], VERSION) as api:
            usages = api.send("GET", f"{path}/usages").document()
            yield Round(claims, usages["usages"]["VCPU"])
            for claim in claims:
                if claim.status == WON:
                    api.send("DELETE", f"/allocations/{claim.consumer}").document()


def _claim_at_once(
    urls: collections.abc.Sequence[str], provider: str, gate: Gate
) -> list[Claim]:
    """Connect one to each of ``urls``, wait for each other, then send.

    A claimer is a thread: it waits for a barrier and then for the service, and
    sends in far less time than the service takes to answer.
    """
    barrier = threading.Barrier(len(urls) + 1)
    claims: list[Claim] = []

    def claim(url: str) -> None:
        consumer = str(uuid.uuid4())
        body = {
            "allocations": {provider: {"resources": {"VCPU": 1}}},
            "consumer_generation": None,
            "consumer_type": "INSTANCE",
            "project_id": PROJECT,
            "user_id": USER,
        }
        with Connection(url, VERSION) as api:
            barrier.wait(SECONDS)
            sent = time.monotonic()
            status = api.send("PUT", f"/allocations/{consumer}", body).status
            claims.append(Claim(consumer, status, sent, time.monotonic()))

    threads = [threading.Thread(target=claim, args=(url,)) for url in urls]
    for thread in threads:
        thread.start()
    with gate():
        barrier.wait(SECONDS)
        if gate is not contextlib.nullcontext:
            time.sleep(GATE_SECONDS)
    for thread in threads:
        thread.join()
    if len(claims) != len(urls):
        raise RuntimeError(f"{len(urls) - len(claims)} claims were not answered")
    return claims
