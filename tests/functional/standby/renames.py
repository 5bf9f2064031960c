"""Clients that rename hosts, and others that read the names."""

import collections.abc
import dataclasses
import itertools
import threading
import time

from tests.functional.connection import Connection
from tests.functional.standby.places import (
    SECONDS,
    paused,
)
from tests.servers import standby
from tests.stress.crash_clients import VERSION

# Time of concurrent writes and reads.
LOAD_SECONDS = 4
WRITERS, READERS = 2, 3


@dataclasses.dataclass
class Load:
    """Clients that rename hosts, and others that read the names.

    ``acknowledged`` has the number in the last acknowledged name of each host.
    """

    urls: list[str]
    acknowledged: dict[str, int]
    reads: int = 0
    violations: list[str] = dataclasses.field(default_factory=list)
    stop: threading.Event = dataclasses.field(default_factory=threading.Event)

    def run(self, pair: standby.Pair) -> None:
        """Write and read for a while, with pauses of the standby."""
        hosts = list(self.acknowledged)
        works = [(self._write, hosts[place::WRITERS]) for place in range(WRITERS)]
        works += [(self._read, hosts)] * READERS
        threads = [
            threading.Thread(target=self._run_client, args=(work, mine, url))
            for (work, mine), url in zip(works, itertools.cycle(self.urls))
        ]
        for thread in threads:
            thread.start()
        started = time.monotonic()
        while not self._has_run_enough(time.monotonic() - started):
            with paused(pair.standby):
                time.sleep(0.1)
            time.sleep(0.1)
        self.stop.set()
        for thread in threads:
            thread.join(SECONDS)

    def _has_run_enough(self, seconds: float) -> bool:
        has_all = min(self.acknowledged.values()) > 0 and self.reads > 0
        return seconds > (LOAD_SECONDS if has_all else SECONDS)

    def _run_client(
        self,
        work: collections.abc.Callable[[Connection, str], None],
        hosts: list[str],
        url: str,
    ) -> None:
        try:
            with Connection(url, VERSION, SECONDS) as api:
                for host in itertools.cycle(hosts):
                    if self.stop.is_set():
                        return
                    work(api, host)
        except Exception as failure:
            self.violations.append(f"a client ended with {failure!r}")

    def _write(self, api: Connection, host: str) -> None:
        number = self.acknowledged[host] + 1
        body = {"name": f"{host}-{number}"}
        api.send("PUT", f"/resource_providers/{host}", body).document()
        self.acknowledged[host] = number

    def _read(self, api: Connection, host: str) -> None:
        known = self.acknowledged[host]
        found = api.send("GET", f"/resource_providers/{host}").document()["name"]
        if int(found.rpartition("-")[2]) < known:
            self.violations.append(f"{found}, but {known} was acknowledged")
        self.reads += 1
