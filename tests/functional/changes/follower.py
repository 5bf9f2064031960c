"""A follower of the feed, which copies what the feed names."""

import collections.abc
import contextlib
import json
import threading
import time
import typing

import sqlalchemy as sa

from placement import client
from placement.db import tables
from tests.servers import server

OPTIONS = {"changes": {"enabled": "true"}}
SECONDS = 120

_HEADERS = {
    "accept": "application/json",
    "content-type": "application/json",
    "openstack-api-version": "placement 1.39",
    "x-auth-token": "admin",
    "x-roles": "admin,service",
}

# The documents of providers and consumers, by uuid.
Copy = dict[str, typing.Any]

Send = collections.abc.Callable[[str, str, object], tuple[int, typing.Any]]


@contextlib.contextmanager
def sending(url: str) -> collections.abc.Iterator[Send]:
    """Yield a function that sends requests to a service that records changes."""
    with server.in_process(url, OPTIONS) as application:
        transport = client.WSGITransport(application)

        def send(method: str, path: str, body: object = None) -> tuple[int, typing.Any]:
            content = None if body is None else json.dumps(body).encode()
            answer = transport.send(method, path, _HEADERS, content)
            return answer.status, json.loads(answer.body) if answer.body else None

        yield send


def read_provider(send: Send, uuid: str) -> typing.Any:
    """Return everything of a provider but generations; None if it does not exist."""
    parts = "include=inventories,traits,aggregates"
    status, found = read(send, f"/-/v1/providers/{uuid}?{parts}")
    return None if status == 404 else {**found, "generation": None}


def read_consumer(send: Send, uuid: str) -> typing.Any:
    """Return what a consumer holds; None if nothing."""
    _, found = read(send, f"/allocations/{uuid}")
    held = found["allocations"]
    return {each: held[each]["resources"] for each in held} or None


def read(send: Send, path: str) -> tuple[int, typing.Any]:
    """Repeat a request until the database is available."""
    deadline = time.monotonic() + SECONDS
    while True:
        status, found = send("GET", path, None)
        if status < 500:
            return status, found
        assert time.monotonic() < deadline, found
        time.sleep(0.05)


def stored(url: str, send: Send) -> Copy:
    """Return a copy of everything in the database."""
    engine = sa.create_engine(url)
    with engine.connect() as conn:
        providers = list(conn.scalars(sa.select(tables.resource_providers.c.uuid)))
        consumers = set(conn.scalars(sa.select(tables.allocations.c.consumer_id)))
    engine.dispose()
    return {uuid: read_provider(send, uuid) for uuid in providers} | {
        uuid: read_consumer(send, uuid) for uuid in consumers
    }


class Follower(threading.Thread):
    """Copies what the feed names, from ``position`` on, until it is stopped."""

    def __init__(self, send: Send, position: int, copy: Copy) -> None:
        super().__init__(daemon=True)
        self._send = send
        self._position = position
        self._is_stopped = threading.Event()
        self.copy = dict(copy)
        self.positions: list[int] = []
        self.failure: BaseException | None = None
        self.start()

    def stop(self) -> None:
        """Copy all changes that are committed, and end."""
        self._is_stopped.set()
        self.join(SECONDS)
        assert not self.is_alive()
        if self.failure is not None:
            raise self.failure

    def run(self) -> None:
        try:
            while True:
                is_last = self._is_stopped.is_set()
                if not self._follow() and is_last:
                    return
        except BaseException as failure:
            self.failure = failure

    def _follow(self) -> bool:
        status, page = read(self._send, f"/-/v1/changes?after={self._position}")
        assert status == 200, page
        named = {
            (read_provider, change["provider"])
            if "provider" in change
            else (read_consumer, change["consumer"])
            for change in page["changes"]
        }
        for read_one, uuid in named:
            found = read_one(self._send, uuid)
            self.copy.pop(uuid, None)
            if found is not None:
                self.copy[uuid] = found
        self.positions += [change["position"] for change in page["changes"]]
        self._position = page["position"]
        return bool(page["changes"])
