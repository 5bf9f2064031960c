"""Measure the same work on several sides alternately."""

import collections.abc
import dataclasses
import http.client
import statistics
import time
import typing

from benchmarks import measure

# The target duration of one measurement, many ticks of processor time.
SAMPLE_SECONDS = 0.5
TIMES_MAX = 500

_NOTHING = measure.Sample(0.0, 0.0)


T = typing.TypeVar("T")


class Done(typing.NamedTuple, typing.Generic[T]):
    """The number of operations, possibly a fraction of one, and their answers."""

    operations: float
    answers: T


class Work(typing.Protocol[T]):
    """An operation to measure."""

    def prepare(self, times: int) -> None:
        """Prepare ``times`` operations; not measured."""

    def run(self, times: int) -> Done[T]:
        """Run the operation ``times`` times; this is measured.

        Raises TimeoutError, or another failure of the connection, when the service
        does not answer.
        """

    def outcome(self, answers: T) -> object:
        """Parse the answers into a comparable result, and clean up; not measured."""


@dataclasses.dataclass(frozen=True)
class Side:
    """One side of a comparison: its work, and the processes that do the work.

    With ``prepares_each_time``, ``prepare`` runs before each single operation. The
    warm-up takes at least ``warm_up_seconds``.
    """

    name: str
    pids: list[int]
    work: Work[typing.Any]
    prepares_each_time: bool = False
    warm_up_seconds: float = 0.0


@dataclasses.dataclass(frozen=True)
class Figures:
    """Medians per operation, and the outcome of the last turn."""

    sample: measure.Sample
    outcome: typing.Any


@dataclasses.dataclass(frozen=True)
class NoAnswer:
    """The service did not answer, for this reason."""

    reason: str


class Limits(typing.NamedTuple):
    """The number of rounds; no round begins more than ``seconds`` after the first."""

    rounds: int
    seconds: float


def take(
    sides: collections.abc.Sequence[Side], limits: Limits
) -> dict[str, Figures | NoAnswer]:
    """Measure the sides alternately; return the results by name.

    The order changes from round to round, so that a slow minute of the machine affects
    all sides. A warm-up before the first round is not counted: it fills pools and
    caches, and determines the number of operations per turn. A service that did not
    answer is not measured again.
    """
    taken = {side.name: _Measurement(side) for side in sides}
    for each in taken.values():
        each.warm_up()
    started = time.monotonic()
    for turn in range(limits.rounds):
        if turn and time.monotonic() - started > limits.seconds:
            break
        for each in list(taken.values())[:: 1 if turn % 2 else -1]:
            each.take_turn()
    return {name: each.result() for name, each in taken.items()}


class _Measurement:
    def __init__(self, side: Side) -> None:
        self._side = side
        self._times = 1
        self._samples: list[measure.Sample] = []
        self._outcome: typing.Any = None
        self._no_answer: NoAnswer | None = None

    def warm_up(self) -> None:
        end = time.monotonic() + self._side.warm_up_seconds
        wall = self._run(1).wall
        if wall < SAMPLE_SECONDS:
            # The first run includes opening connections and filling caches.
            wall = self._run(1).wall
        while not self._no_answer and time.monotonic() < end:
            wall = self._run(1).wall
        if not self._no_answer:
            self._times = max(1, min(round(SAMPLE_SECONDS / wall), TIMES_MAX))

    def take_turn(self) -> None:
        runs, times = 1, self._times
        if self._side.prepares_each_time:
            runs, times = times, runs
        done = [self._run(times) for _ in range(runs)]
        if not self._no_answer:
            self._samples.append(
                measure.Sample(
                    statistics.mean(sample.wall for sample in done),
                    statistics.mean(sample.processor for sample in done),
                )
            )

    def result(self) -> Figures | NoAnswer:
        if self._no_answer:
            return self._no_answer
        medians = measure.Sample(
            statistics.median(sample.wall for sample in self._samples),
            statistics.median(sample.processor for sample in self._samples),
        )
        return Figures(medians, self._outcome)

    def _run(self, times: int) -> measure.Sample:
        """Return the time per operation, or zero after the side did not answer."""
        if self._no_answer:
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
            self._no_answer = NoAnswer(f"no answer in {seconds:.0f} s{kind}")
            return _NOTHING
        self._outcome = work.outcome(done.answers)
        return samples[0].per(done.operations)
