"""How many of several clients get the one unit that is left, by service."""

import collections
import contextlib
import typing

from benchmarks import services, stage
from tests.functional import databases, race, server


class Tally(typing.NamedTuple):
    """``winners`` counts rounds by how many claims were granted in them.

    ``collided`` counts the rounds in which all claims were under way at once;
    ``other`` the claims that got neither of the two answers that are right.
    """

    service: str
    database: str
    winners: collections.Counter[int]
    collided: int
    other: int


def run(service: services.Service, kind: str, rounds: int, claimers: int) -> Tally:
    """Race on a new database of ``kind``, against several server processes."""
    with contextlib.ExitStack() as stack:
        made = stack.enter_context(databases.opened(kind))
        url = stack.enter_context(made.empty())
        stage.prepare(service, url)
        listening = stack.enter_context(
            server.processes(url, workers=4, threads=4, python=service.python)
        )
        held = list(race.rounds(listening.url, rounds, claimers))
    return Tally(
        service.name,
        kind,
        collections.Counter(each.winners for each in held),
        sum(each.collided for each in held),
        sum(claimers - each.winners - each.losers for each in held),
    )
