"""How long searches for candidates take: us beside the peer, and us when it grows."""

import collections.abc
import contextlib
import dataclasses
import functools
import http.client
import random

from benchmarks import day, limit, questions, rows, services, turns
from benchmarks.questions import AgainstPeer, Growth, Question
from benchmarks.stage import Running, Stage
from benchmarks.turns import Done, Figures, Limits, Side, Silence
from benchmarks.wire import Wire
from tests.functional.connection import Answer

VERSION = "1.39"

# Draws questions, and the hosts that change.
_SEED = 13


class FailedError(http.client.HTTPException):
    """The service said that it had failed."""


@dataclasses.dataclass(frozen=True)
class Asking:
    """Ask one question over one connection; the outcome is how many candidates."""

    url: str
    question: Question
    timeout_seconds: float

    def prepare(self, times: int) -> None:
        """Nothing is needed."""

    def run(self, times: int) -> Done[Answer]:
        with Wire(self.url, VERSION, self.timeout_seconds) as api:
            path = self.question.path
            answers = [api.send("GET", path) for _ in range(times)]
        if any(answer.status >= 500 for answer in answers):
            raise FailedError("server error")
        return Done(times, answers[-1])

    def outcome(self, answer: Answer) -> int:
        return len(answer.document()["allocation_requests"])


def against_peer(
    stage: Stage, asked: AgainstPeer, limits: Limits, timeout_seconds: float
) -> rows.Row:
    """Ask the peer as it comes, the peer tuned, and us, in turns.

    Raises RuntimeError when we find less than one of the others, or more than the
    one that gives all there is.
    """
    ours, *peers = services.ours(), services.peer(), services.tuned_peer()
    with contextlib.ExitStack() as stack:
        running = [
            stack.enter_context(stage.serving(service, asked.question.shape))
            for service in (ours, *peers)
        ]
        sides = [_side(each, asked.question, timeout_seconds) for each in running]
        figures = turns.take(sides, limits)
        peak_bytes = running[0].peak_bytes()
    mine = _answered(figures[ours.name])
    given = {
        peer.name: figure
        for peer in peers
        if isinstance(figure := figures[peer.name], Figures)
    }
    partial = {name for name, each in given.items() if each.outcome < mine.outcome}
    too_few = {name for name, each in given.items() if each.outcome > mine.outcome}
    if too_few or services.peer().name in partial:
        raise RuntimeError(f"{asked.name}: numbers of candidates differ: {figures}")
    return rows.Row(
        asked.name,
        asked.goal,
        figures,
        {name: rows.ratio(each.sample, mine.sample) for name, each in given.items()},
        frozenset(partial),
        peak_bytes if "limit=" in asked.question.query else None,
    )


def growth(
    stage: Stage, asked: Growth, limits: Limits, timeout_seconds: float
) -> rows.Row:
    """Ask us the small and the large question in turns."""
    ours = services.ours()
    small, large = "small", "large"
    named = {small: asked.small, large: asked.large}
    with contextlib.ExitStack() as stack:
        running = {
            name: stack.enter_context(stage.serving(ours, question.shape))
            for name, question in named.items()
        }
        sides = [
            _side(running[name]._replace(name=name), question, timeout_seconds)
            for name, question in named.items()
        ]
        figures = turns.take(sides, limits)
        peak_bytes = running[large].peak_bytes()
    over, under = _answered(figures[large]), _answered(figures[small])
    if over.outcome != under.outcome:
        raise RuntimeError(f"{asked.name}: numbers of candidates differ: {figures}")
    ratios = {"large to small": rows.ratio(over.sample, under.sample)}
    return rows.Row(asked.name, asked.goal, figures, ratios, peak_bytes=peak_bytes)


def day_against_peer(
    stage: Stage, asked: AgainstPeer, limits: Limits, timeout_seconds: float
) -> rows.Row:
    """Ask the peer and us drawn questions, while hosts change.

    Raises RuntimeError when the numbers of candidates of a question differ.
    """
    assert asked.draw is not None
    assert asked.day_goal is not None
    ours, peer = services.ours(), services.peer()
    if "wide" in asked.name:
        # As it comes, it does not answer.
        peer = services.tuned_peer()
    figures = _days(
        stage,
        [(ours, asked.question), (peer, asked.question)],
        asked.draw,
        limits,
        timeout_seconds,
    )
    mine = _answered(figures[ours.name])
    ratios = {}
    other = figures[peer.name]
    if isinstance(other, Figures):
        _require_equal(asked.name, mine.outcome, other.outcome)
        ratios[peer.name] = rows.ratio(other.sample, mine.sample)
    return rows.Row(f"{asked.name}, a day", asked.day_goal, figures, ratios)


def day_growth(
    stage: Stage, asked: Growth, limits: Limits, timeout_seconds: float
) -> rows.Row:
    """Ask us drawn questions of the small and the large cloud, while hosts change."""
    assert asked.draw is not None
    assert asked.day_goal is not None
    small = services.ours()._replace(name="small")
    large = services.ours()._replace(name="large")
    figures = _days(
        stage,
        [(small, asked.small), (large, asked.large)],
        asked.draw,
        limits,
        timeout_seconds,
    )
    over, under = _answered(figures["large"]), _answered(figures["small"])
    _require_equal(asked.name, over.outcome, under.outcome)
    ratios = {"large to small": rows.ratio(over.sample, under.sample)}
    return rows.Row(f"{asked.name}, a day", asked.day_goal, figures, ratios)


def _days(
    stage: Stage,
    asked: list[tuple[services.Service, Question]],
    draw: day.Draw,
    limits: Limits,
    timeout_seconds: float,
) -> dict[str, Figures | Silence]:
    sides = []
    with contextlib.ExitStack() as stack:
        for service, question in asked:
            running = stack.enter_context(stage.serving(service, question.shape))
            url = stage.database(service, question.shape)
            changes = stack.enter_context(day.changing(url, service.keeps_used, _SEED))
            api = stack.enter_context(Wire(running.url, VERSION, timeout_seconds))
            work = day.Day(api, draw, changes, random.Random(_SEED))
            sides.append(Side(service.name, running.pids, work, is_once=True))
        return turns.take(sides, limits)


def _require_equal(name: str, one: dict[str, int], other: dict[str, int]) -> None:
    for question in one.keys() & other.keys():
        if one[question] != other[question]:
            raise RuntimeError(
                f"{name}: {question}: {one[question]} and {other[question]} candidates"
            )


def measurements(limits: Limits, timeout_seconds: float) -> rows.Measurements:
    """Return what makes the rows, by name, in the order of the table."""
    made: rows.Measurements = {}
    for asked in questions.QUESTIONS:
        measure = against_peer if isinstance(asked, AgainstPeer) else growth
        if asked.draw is not None:
            day_measure = (
                day_against_peer if isinstance(asked, AgainstPeer) else day_growth
            )
            made[f"{asked.name}, a day"] = functools.partial(
                _one_row, day_measure, asked, limits, timeout_seconds
            )
        made[asked.name] = functools.partial(
            _one_row, measure, asked, limits, timeout_seconds
        )
    made["physical limit"] = functools.partial(limit.measure, limits=limits)
    return made


def _one_row(
    measure: collections.abc.Callable[..., rows.Row],
    asked: AgainstPeer | Growth,
    limits: Limits,
    timeout_seconds: float,
    stage: Stage,
) -> list[rows.Row]:
    return [measure(stage, asked, limits, timeout_seconds)]


def _side(running: Running, question: Question, timeout_seconds: float) -> Side:
    work = Asking(running.url, question, timeout_seconds)
    return Side(running.name, running.pids, work)


def _answered(figures: Figures | Silence) -> Figures:
    if isinstance(figures, Silence):
        raise RuntimeError(f"our own service: {figures.reason}")
    return figures
