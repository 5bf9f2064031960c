"""The consumers that a soak has created, shared by its clients."""

import random
import threading
import typing


class Consumer(typing.NamedTuple):
    """A consumer with the amounts of one claim on one host."""

    uuid: str
    host: str
    generation: int


class Population:
    """Consumers that no client works on at the moment.

    A client takes a consumer out, changes it, and puts it back.
    """

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._lock = threading.Lock()
        self._consumers: list[Consumer] = []

    def __len__(self) -> int:
        return len(self._consumers)

    def put(self, consumer: Consumer) -> None:
        with self._lock:
            self._consumers.append(consumer)

    def take(self) -> Consumer | None:
        """Take out a random consumer; None if there is none."""
        with self._lock:
            if not self._consumers:
                return None
            chosen = self._rng.randrange(len(self._consumers))
            consumers = self._consumers
            consumers[chosen], consumers[-1] = consumers[-1], consumers[chosen]
            return consumers.pop()
