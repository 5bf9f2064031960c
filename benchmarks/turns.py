"""Several sides do the same work in turns, and what that takes each of them."""

import collections.abc
import dataclasses
import http.client
import statistics
import time
import typing

from benchmarks import measure

# How long one measurement should be, for the processor's clock to tick often.
SAMPLE_SECONDS = 0.5
TIMES_MAX = 500

_NOTHING = measure.Sample(0.0, 0.0)


T = typing.TypeVar("T")


class Done(typing.NamedTuple, typing.Generic[T]):
    """Operations done, or the part of one, and what came back."""

    operations: float
    answers: T


class Work(typing.Protocol[T]):
    """Work that can be done any number of times."""

    def prepare(self, times: int) -> None:
        """Make ready what it needs; not measured."""

    def run(self, times: int) -> Done[T]:
        """Do it; this is what is measured.

        Raises TimeoutError, or another failure of the connection, when the service
        does not answer.
        """

    def outcome(self, answers: T) -> object:
        """Say what the answers amount to, and leave things as they were before.

        Reading an answer is a client's work and not measured.
        """


@dataclasses.dataclass(frozen=True)
class Side:
    """Somebody who does the work; ``pids`` are the processes that do it for them.

    With ``is_once`` the work is prepared anew for each time that it is done.
    """

    name: str
    pids: list[int]
    work: Work[typing.Any]
    is_once: bool = False


@dataclasses.dataclass(frozen=True)
class Figures:
    """Medians per operation, and what the answers of the last turn amounted to."""

    sample: measure.Sample
    outcome: typing.Any


@dataclasses.dataclass(frozen=True)
class Silence:
    """There was no answer, and this is how."""

    reason: str


class Limits(typing.NamedTuple):
    """``rounds`` are counted; none begins later than ``seconds`` after the first."""

    rounds: int
    seconds: float


def take(
    sides: collections.abc.Sequence[Side], limits: Limits
) -> dict[str, Figures | Silence]:
    """Let the sides work in turns, another one first each time; returns by name.

    So a slow minute of the machine is slow for all. What comes before the first
    round is not counted: pools and caches fill, and it shows how often the work has
    to be done for a measurement to be long enough. Who fails to answer once is not
    asked again.
    """
    taken = {side.name: _Taken(side) for side in sides}
    for each in taken.values():
        each.warm_up()
    started = time.monotonic()
    for turn in range(limits.rounds):
        if turn and time.monotonic() - started > limits.seconds:
            break
        for each in list(taken.values())[:: 1 if turn % 2 else -1]:
            each.take_turn()
    return {name: each.result() for name, each in taken.items()}


class _Taken:
    def __init__(self, side: Side) -> None:
        self._side = side
        self._times = 1
        self._samples: list[measure.Sample] = []
        self._outcome: typing.Any = None
        self._silence: Silence | None = None

    def warm_up(self) -> None:
        wall = self._run(1).wall
        if wall < SAMPLE_SECONDS:
            # The first had connections to open and caches to fill.
            wall = self._run(1).wall
        if not self._silence:
            self._times = max(1, min(round(SAMPLE_SECONDS / wall), TIMES_MAX))

    def take_turn(self) -> None:
        runs, times = (self._times, 1) if self._side.is_once else (1, self._times)
        done = [self._run(times) for _ in range(runs)]
        if not self._silence:
            self._samples.append(
                measure.Sample(
                    statistics.mean(sample.wall for sample in done),
                    statistics.mean(sample.processor for sample in done),
                )
            )

    def result(self) -> Figures | Silence:
        if self._silence:
            return self._silence
        medians = measure.Sample(
            statistics.median(sample.wall for sample in self._samples),
            statistics.median(sample.processor for sample in self._samples),
        )
        return Figures(medians, self._outcome)

    def _run(self, times: int) -> measure.Sample:
        """Return what an operation takes; nothing, once there was no answer."""
        if self._silence:
            return _NOTHING
        work = self._side.work
        work.prepare(times)
        started = time.monotonic()
        try:
            with measure.measured(self._side.pids) as samples:
                done = work.run(times)
        except (OSError, http.client.HTTPException) as failure:
            seconds = time.monotonic() - started
            kind = "" if isinstance(failure, TimeoutError) else f" ({failure})"
            self._silence = Silence(f"no answer in {seconds:.0f} s{kind}")
            return _NOTHING
        self._outcome = work.outcome(done.answers)
        return samples[0].per(done.operations)
