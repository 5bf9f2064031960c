"""Clients that write while workers and database servers are killed.

Each client claims, moves and releases for its own consumers, and tracks the states
that they may be in.
"""

import contextlib
import http.client
import random
import threading
import time
import typing
import uuid

from tests.functional.connection import Answer, Connection
from tests.stress.client_processes import Allocations, claim_body

VERSION = "1.39"

# Time limit of a response, even while the database is down.
RESPONSE_SECONDS = 60

PAUSE_AFTER_FAILURE_SECONDS = 0.05

HOSTS = [str(uuid.UUID(int=number)) for number in range(1, 5)]
POOL = str(uuid.UUID(int=99))
CONSUMERS_PER_CLIENT = 4

# The allocations of all consumers of a client.
World = dict[str, Allocations]


class Sent(typing.NamedTuple):
    """A request of a client; ``status`` is None if it was not answered.

    Times are monotonic, in seconds.
    """

    request: str
    begun: float
    ended: float
    status: int | None
    text: str

    def spans(self, begun: float, ended: float) -> bool:
        """Return whether the request overlaps the interval."""
        return self.begun <= ended and begun <= self.ended


class NotServed(Exception):
    """A request was not answered, or with a 5xx."""


class Client(threading.Thread):
    """Writes for its own consumers until ``stop`` is set.

    ``worlds`` has every possible state: all include the acknowledged writes, and for a
    write that was not answered there is a state with it and one without.
    """

    def __init__(self, url: str, seed: int, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self._url = url
        self._random = random.Random(seed)
        self._stop_asked = stop
        self._consumers = [self._uuid() for _ in range(CONSUMERS_PER_CLIENT)]
        self.worlds: list[World] = [{uuid: {} for uuid in self._consumers}]
        self.sent: list[Sent] = []
        # Times of acknowledged writes.
        self.acknowledged: list[float] = []
        self.violations: list[str] = []

    @classmethod
    def prepare(cls, api: Connection) -> None:
        """Prepare the service before any client starts."""

    def run(self) -> None:
        try:
            while not self._stop_asked.is_set():
                try:
                    self._write()
                except NotServed:
                    time.sleep(PAUSE_AFTER_FAILURE_SECONDS)
        except Exception as failure:
            self.violations.append(f"a client ended with {failure!r}")

    def check_last(self) -> None:
        """Compare the allocations of all consumers with the possible states."""
        found = {uuid: self._read(uuid)[0] for uuid in self._consumers}
        if found not in self.worlds:
            self.violations.append(f"{found} is not in {self.worlds}")

    def _write(self) -> None:
        chosen = self._random.sample(self._consumers, self._random.choice((1, 1, 2)))
        read = {uuid: self._read(uuid) for uuid in chosen}
        held = {uuid: found for uuid, (found, _) in read.items()}
        is_certain = all(
            world[uuid] == held[uuid] for world in self.worlds for uuid in chosen
        )
        first = chosen[0]
        if len(chosen) == 1 and held[first] and is_certain and self._coin():
            # It has no generation, so it is sent only in a known state.
            self._send_write("DELETE", f"/allocations/{first}", None, held, {first: {}})
            return
        wanted = {uuid: self._drawn() for uuid in chosen}
        bodies = {
            uuid: claim_body(wanted[uuid], generation)
            for uuid, (_, generation) in read.items()
        }
        if len(chosen) == 1:
            self._send_write(
                "PUT", f"/allocations/{first}", bodies[first], held, wanted
            )
        else:
            self._send_write("POST", "/allocations", bodies, held, wanted)

    def _send_write(
        self, method: str, path: str, body: object, held: World, wanted: World
    ) -> None:
        """Send a write from ``held`` to ``wanted``, and update the possible states."""
        based = [world for world in self.worlds if _agrees(world, held)]
        written = [world | wanted for world in based]
        try:
            answer = self._send(method, path, body)
        except NotServed:
            self.worlds += [world for world in written if world not in self.worlds]
            raise
        if answer.status == 204:
            # The generation proves that the consumers were in the state that was read.
            self.worlds = written
            self.acknowledged.append(time.monotonic())
        elif answer.status != 409 or len(self.worlds) == 1:
            self.violations.append(
                f"{method}: {answer.status} {answer.content.decode()}"
            )

    def _read(self, consumer: str) -> tuple[Allocations, int | None]:
        """Return the allocations of a consumer and its generation."""
        answer = self._send("GET", f"/allocations/{consumer}")
        document = answer.document()
        held: Allocations = {
            provider: one["resources"]
            for provider, one in document["allocations"].items()
        }
        if all(world[consumer] != held for world in self.worlds):
            possible = [world[consumer] for world in self.worlds]
            self.violations.append(f"{consumer} has {held}, not one of {possible}")
        return held, document.get("consumer_generation")

    def _send(
        self,
        method: str,
        path: str,
        body: object = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """Send a request on a new connection.

        Raises NotServed if it is not answered, or with a 5xx.
        """
        begun = time.monotonic()
        answer = None
        # A killed worker leaves its connections open; clients get one of these.
        with (
            contextlib.suppress(OSError, http.client.HTTPException),
            Connection(self._url, VERSION, RESPONSE_SECONDS, headers) as connection,
        ):
            answer = connection.send(method, path, body)
        self.sent.append(
            Sent(
                f"{method} {path}",
                begun,
                time.monotonic(),
                answer and answer.status,
                answer.content.decode() if answer and answer.status >= 500 else "",
            )
        )
        if answer is None or answer.status >= 500:
            raise NotServed()
        return answer

    def _drawn(self) -> Allocations:
        host, units = self._random.choice(HOSTS), self._random.randint(1, 9)
        return {
            host: {"VCPU": units, "MEMORY_MB": 512 * units, "DISK_GB": 10 * units},
            POOL: {"SRIOV_NET_VF": units},
        }

    def _uuid(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def _coin(self) -> bool:
        return self._random.random() < 0.5


def _agrees(world: World, held: World) -> bool:
    return all(world[uuid] == found for uuid, found in held.items())
