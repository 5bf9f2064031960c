"""Run episodes: send requests to both services until their databases differ."""

import collections
import collections.abc
import random
import typing

from tests.compare import aspects, deliberate
from tests.compare.aspects import Difference
from tests.compare.drawing import episode
from tests.compare.drawing.world import World
from tests.compare.exchange import Exchange, Request
from tests.compare.pair import Pair

LENGTH = 130


class Finding(typing.NamedTuple):
    """A difference without a reason, and the writes before it."""

    exchange: Exchange
    differing: dict[str, Difference]
    seed: str
    history: list[Request]
    world: World


class Tally:
    """``reasons`` counts explained differences, ``answers`` operations and statuses."""

    def __init__(self, database: str) -> None:
        self.database = database
        self.reasons: collections.Counter[str] = collections.Counter()
        self.answers: collections.Counter[tuple[str, int]] = collections.Counter()
        self.cut_short = 0


def run_episode(
    pair: Pair, seed: str, tally: Tally
) -> collections.abc.Iterator[Finding]:
    """Send one episode to both services, and empty their databases.

    Ends early if the databases may differ, because all later differences would follow
    from that.
    """
    rng = random.Random(seed)
    world = World(rng, seed.replace("/", "-"))
    history: list[Request] = []
    for request in episode.requests(rng, world, LENGTH):
        exchange = pair.send(request)
        left = judge(exchange, tally)
        if left:
            yield Finding(exchange, left, seed, list(history), world)
        if may_diverge(exchange, left):
            tally.cut_short += 1
            break
        if exchange.peer.status == exchange.ours.status:
            world.learn(request, exchange.peer)
        if request.method != "GET" and exchange.peer.status < 300:
            history.append(request)
    else:
        for request in episode.visible_state(world):
            exchange = pair.send(request)
            left = judge(exchange, tally)
            if left:
                yield Finding(exchange, left, seed, list(history), world)
    pair.clear(world)


def judge(exchange: Exchange, tally: Tally) -> dict[str, Difference]:
    """Return the differences without a reason."""
    tally.answers[exchange.request.operation, exchange.peer.status] += 1
    differing = aspects.differences(exchange)
    reasons = deliberate.explained(exchange, differing, tally.database)
    tally.reasons.update(reasons.keys())
    explained = set[str]().union(*reasons.values())
    return {name: each for name, each in differing.items() if name not in explained}


def may_diverge(exchange: Exchange, left: dict[str, Difference]) -> bool:
    """Return whether a write may have had different effects.

    So it is when only one of the two has done it, when they answer differently
    without a reason, and when each has made a uuid for itself.
    """
    peer, ours = exchange.peer, exchange.ours
    if exchange.request.method == "GET" or min(peer.status, ours.status) >= 300:
        return False
    places = [
        answer.headers.get("location", "").replace(answer.base, "")
        for answer in (peer, ours)
    ]
    return peer.status != ours.status or "body" in left or places[0] != places[1]
