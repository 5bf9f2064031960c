"""Claims for units of one host over HTTP, one after the other."""

import collections
import http.client
import uuid

from tests import waiting
from tests.functional.connection import Connection
from tests.stress import background, client_processes

SECONDS = 90

# Stands for the status of a response that did not arrive.
LOST = 0


class Claims(background.Repeated):
    """Claims for one unit each, on a connection of their own, until the block ends.

    ``acknowledged`` has the consumers of acknowledged claims, and ``statuses`` the
    number of responses by status.
    """

    # So that servers that start meanwhile get the processor.
    pause_seconds = 0.02

    def __init__(self, url: str, host: str) -> None:
        super().__init__()
        self._url = url
        self._body = client_processes.claim_body({host: {"VCPU": 1}}, None)
        self.acknowledged: set[str] = set()
        self.statuses: collections.Counter[int] = collections.Counter()

    def wait_for_more(self) -> None:
        """Wait until ten more claims were acknowledged."""
        wanted = len(self.acknowledged) + 10
        waiting.until(
            lambda: len(self.acknowledged) >= wanted, lambda: self.statuses, SECONDS
        )

    def step(self) -> None:
        consumer = str(uuid.uuid4())
        status = LOST
        try:
            with Connection(self._url, client_processes.VERSION, SECONDS) as api:
                status = api.send("PUT", f"/allocations/{consumer}", self._body).status
                if status == 409:
                    self.make_room(api)
        except (OSError, http.client.HTTPException):
            # A worker was killed; the claim may have succeeded.
            pass
        self.statuses[status] += 1
        if status == 204:
            self.acknowledged.add(consumer)

    def make_room(self, api: Connection) -> None:
        """Prepare for the next claim, after one was refused."""
