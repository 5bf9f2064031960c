"""A scheduler's day: varied searches, with changes of hosts between them."""

import collections.abc
import contextlib
import dataclasses
import http.client
import random
import time

import sqlalchemy as sa

from benchmarks.turns import Done
from benchmarks.wire import Wire
from tests.functional.connection import Answer

# Between two searches, one root provider in this many changes.
CHANGED = 100

FLAVORS = 200

# Services close idle connections after a few seconds.
_IDLE_SECONDS_MAX = 1.0

# A consumer that allocates one unit of each class on the changed hosts.
_CONSUMER = "0000000d-0000-0000-0000-000000000000"
_HOLD = """
INSERT INTO allocations
    (created_at, resource_provider_id, consumer_id, resource_class_id, used)
SELECT now(), resource_provider_id, :consumer, resource_class_id, 1
FROM inventories WHERE resource_provider_id = ANY(:hosts)
"""
_RELEASE = """
DELETE FROM allocations
WHERE consumer_id = :consumer AND resource_provider_id = ANY(:hosts)
"""
_CHANGE_GENERATION = """
UPDATE resource_providers SET generation = generation + 1 WHERE id = ANY(:hosts)
"""
_CHANGE_USED = """
UPDATE inventories SET used = used + :change WHERE resource_provider_id = ANY(:hosts)
"""
# The same change as a claim makes; see ``placement.db.revision``.
_CHANGE_REVISION = """
UPDATE resource_providers
SET definition_revision = CASE
        WHEN revision & 1 = 1 THEN definition_revision ELSE revision
    END,
    revision = greatest(
        revision + 1, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint
    ) | 1
WHERE id = ANY(:hosts)
"""
_ROOTS = """
SELECT id FROM resource_providers WHERE parent_provider_id IS NULL ORDER BY id
"""

# Draws the query string of one search.
Draw = collections.abc.Callable[[random.Random], str]


class FailedError(http.client.HTTPException):
    """The service answered with a server error."""


class Changes:
    """Claim one host in a hundred, and release the claims the next time."""

    def __init__(self, url: str, keeps_used: bool, seed: int) -> None:
        self._engine = sa.create_engine(url)
        self._keeps_used = keeps_used
        self._rng = random.Random(seed)
        self._held: list[int] = []
        with self._engine.connect() as conn:
            self._roots = list(conn.scalars(sa.text(_ROOTS)))

    def make(self) -> None:
        """Change the hosts as writes of the service do."""
        if self._held:
            hosts, text, change = self._held, _RELEASE, -1
            self._held = []
        else:
            count = max(1, len(self._roots) // CHANGED)
            hosts = self._held = self._rng.sample(self._roots, count)
            text, change = _HOLD, 1
        statements = [text, _CHANGE_GENERATION]
        if self._keeps_used:
            statements += [_CHANGE_USED, _CHANGE_REVISION]
        with self._engine.begin() as conn:
            for statement in statements:
                given = {"hosts": hosts, "consumer": _CONSUMER, "change": change}
                conn.execute(sa.text(statement), given)

    def close(self) -> None:
        """Release the claims and close the connections."""
        if self._held:
            self.make()
        self._engine.dispose()


@dataclasses.dataclass
class Day:
    """Send random searches; the outcome is the number of candidates by query.

    Hosts change before each search, outside the measured time.
    """

    api: Wire
    draw: Draw
    changes: Changes
    rng: random.Random
    counts: dict[str, int] = dataclasses.field(default_factory=dict)
    last_use: float = 0.0

    def prepare(self, times: int) -> None:
        """Change hosts, and reopen a connection that was idle for too long."""
        self.changes.make()
        if time.monotonic() - self.last_use > _IDLE_SECONDS_MAX:
            self.api.close()
        self.api.send("GET", "/")

    def run(self, times: int) -> Done[list[tuple[str, Answer]]]:
        answers = []
        for _ in range(times):
            query = self.draw(self.rng)
            path = f"/allocation_candidates?{query}"
            answers.append((query, self.api.send("GET", path)))
        if any(answer.status >= 500 for _, answer in answers):
            raise FailedError("server error")
        self.last_use = time.monotonic()
        return Done(times, answers)

    def outcome(self, answers: list[tuple[str, Answer]]) -> dict[str, int]:
        for query, answer in answers:
            if answer.status != 200:
                raise RuntimeError(f"{answer.status}: {answer.content[:500]!r}")
            # Parsing the document takes longer than the search.
            self.counts[query] = answer.content.count(b'"allocations":')
        return self.counts


@contextlib.contextmanager
def changing(
    url: str, keeps_used: bool, seed: int
) -> collections.abc.Iterator[Changes]:
    """Yield the changes for a database; undo them at the end."""
    changes = Changes(url, keeps_used, seed)
    try:
        yield changes
    finally:
        changes.close()
