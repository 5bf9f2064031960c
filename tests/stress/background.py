"""Work that a thread repeats while a test does something else."""

import abc
import threading
import typing

JOIN_SECONDS = 90


class Repeated(threading.Thread, abc.ABC):
    """Calls ``step`` until the block ends, with pauses of ``pause_seconds``.

    ``violations`` has a sentence if it has ended before, because a step failed.
    """

    pause_seconds = 0.0

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._stopped = threading.Event()
        self.violations: list[str] = []

    def __enter__(self) -> typing.Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self.join(JOIN_SECONDS)

    def run(self) -> None:
        try:
            while not self._stopped.wait(self.pause_seconds):
                self.step()
        except Exception as failure:
            self.violations.append(f"{type(self).__name__} ended with {failure!r}")

    @abc.abstractmethod
    def step(self) -> None: ...
