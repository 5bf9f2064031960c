"""Clients that claim one unit of a large host each, until the block ends."""

import collections
import json
import operator
import threading
import time
import typing
import uuid

import sqlalchemy as sa

from placement import client
from placement.db import tables
from tests import waiting
from tests.servers import server
from tests.stress import client_processes

SECONDS = 60

# How many claims of each client ``wait_for_more`` waits for.
_MORE = 5

# After each claim, so that servers that start meanwhile get the processor.
_PAUSE_SECONDS = 0.02
_PAUSE_AFTER_FAILURE_SECONDS = 0.05

_UNCHANGED = "Nothing was changed."
_UNITS = 1_000_000

_HEADERS = {
    "accept": "application/json",
    "content-type": "application/json",
    "openstack-api-version": f"placement {client_processes.VERSION}",
}


class Claims:
    """Claims by several threads through a service in this process.

    ``statuses`` counts the responses, and ``failures`` has the details of those that
    are not 204.
    """

    def __init__(self, application: server.Application, threads: int) -> None:
        self._transport = client.WSGITransport(application)
        self._host = str(uuid.uuid4())
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(number,), daemon=True)
            for number in range(threads)
        ]
        self._successes = [0] * threads
        self._acknowledged: list[str] = []
        self._unchanged: list[str] = []
        self.statuses: collections.Counter[int] = collections.Counter()
        self.failures: collections.Counter[str] = collections.Counter()

    def __enter__(self) -> typing.Self:
        api = client.Client(self._transport)
        api.create_provider(self._host, self._host)
        offer = {"VCPU": client.Inventory(total=_UNITS)}
        api.replace_inventories(self._host, client.Inventories(0, offer))
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        deadline = time.monotonic() + SECONDS
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def wait_for_more(self) -> None:
        """Wait until every client has made more claims that succeeded.

        Raises RuntimeError after a minute.
        """
        wanted = [each + _MORE for each in self._successes]
        waiting.until(
            lambda: all(map(operator.ge, self._successes, wanted)),
            lambda: f"standstill: {self.statuses} {self.failures}",
        )

    def wait_for_failure(self) -> None:
        """Wait until a response is not 204. Raises RuntimeError after a minute."""
        waiting.until(lambda: self.failures, lambda: f"no failure: {self.statuses}")

    def violations(self, url: str) -> list[str]:
        """Compare with the allocations in the database, after the block.

        Every acknowledged claim is stored, and none that changed nothing.
        """
        engine = sa.create_engine(url)
        with engine.connect() as conn:
            found = set(conn.scalars(sa.select(tables.allocations.c.consumer_id)))
        engine.dispose()
        return [
            *(f"lost: {each}" for each in self._acknowledged if each not in found),
            *(f"left behind: {each}" for each in self._unchanged if each in found),
            *(f"{each} responses" for each in self.statuses if each not in (204, 503)),
        ]

    def _run(self, number: int) -> None:
        allocations = {self._host: {"VCPU": 1}}
        content = json.dumps(client_processes.claim_body(allocations, None)).encode()
        while not self._stop.is_set():
            consumer = str(uuid.uuid4())
            path = f"/allocations/{consumer}"
            answer = self._transport.send("PUT", path, _HEADERS, content)
            self.statuses[answer.status] += 1
            if answer.status == 204:
                self._acknowledged.append(consumer)
                self._successes[number] += 1
                self._stop.wait(_PAUSE_SECONDS)
                continue
            (error,) = json.loads(answer.body)["errors"]
            self.failures[error["detail"]] += 1
            if error["detail"].endswith(_UNCHANGED):
                self._unchanged.append(consumer)
            self._stop.wait(_PAUSE_AFTER_FAILURE_SECONDS)
