"""Time of searches: compared with the peer, and between a small and a large cloud."""

import collections.abc
import contextlib
import dataclasses
import functools
import http.client
import random

from benchmarks import day, limit, rows, searches, services, turns
from benchmarks.searches import AgainstPeer, Growth, Search
from benchmarks.stage import Running, Stage
from benchmarks.turns import Done, Figures, Limits, NoAnswer, Side
from benchmarks.wire import Wire
from tests.functional.connection import Answer

VERSION = "1.39"

# Seed of the random searches and of the hosts that change.
_SEED = 13

# Each service answers for this long before the first search of a day that is measured,
# so that it has read the hosts that it keeps.
_DAY_WARM_UP_SECONDS = 5.0


class FailedError(http.client.HTTPException):
    """The service answered with a server error."""


@dataclasses.dataclass(frozen=True)
class RepeatedSearch:
    """Repeat a search over one connection; the outcome is the number of candidates."""

    url: str
    search: Search
    timeout_seconds: float

    def prepare(self, times: int) -> None:
        """Do nothing."""

    def run(self, times: int) -> Done[Answer]:
        with Wire(self.url, VERSION, self.timeout_seconds) as api:
            path = self.search.path
            answers = [api.send("GET", path) for _ in range(times)]
        if any(answer.status >= 500 for answer in answers):
            raise FailedError("server error")
        return Done(times, answers[-1])

    def outcome(self, answer: Answer) -> int:
        return len(answer.document()["allocation_requests"])


def against_peer(
    stage: Stage, case: AgainstPeer, limits: Limits, timeout_seconds: float
) -> rows.Row:
    """Measure our service and the peer, by default and tuned, alternately.

    Raises RuntimeError when we find fewer candidates than a peer, or more than the
    peer with default settings, which returns all.
    """
    ours, *peers = services.ours(), services.peer(), services.tuned_peer()
    with contextlib.ExitStack() as stack:
        running = [
            stack.enter_context(stage.serving(service, case.search.shape))
            for service in (ours, *peers)
        ]
        sides = [_side(each, case.search, timeout_seconds) for each in running]
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
        raise RuntimeError(f"{case.name}: numbers of candidates differ: {figures}")
    return rows.Row(
        case.name,
        case.goal,
        figures,
        {name: rows.ratio(each.sample, mine.sample) for name, each in given.items()},
        frozenset(partial),
        peak_bytes if "limit=" in case.search.query else None,
    )


def growth(
    stage: Stage, case: Growth, limits: Limits, timeout_seconds: float
) -> rows.Row:
    """Measure the small and the large search on our service alternately."""
    ours = services.ours()
    small, large = "small", "large"
    named = {small: case.small, large: case.large}
    with contextlib.ExitStack() as stack:
        running = {
            name: stack.enter_context(stage.serving(ours, search.shape))
            for name, search in named.items()
        }
        sides = [
            _side(running[name]._replace(name=name), search, timeout_seconds)
            for name, search in named.items()
        ]
        figures = turns.take(sides, limits)
        peak_bytes = running[large].peak_bytes()
    over, under = _answered(figures[large]), _answered(figures[small])
    if over.outcome != under.outcome:
        raise RuntimeError(f"{case.name}: numbers of candidates differ: {figures}")
    ratios = {"large to small": rows.ratio(over.sample, under.sample)}
    return rows.Row(case.name, case.goal, figures, ratios, peak_bytes=peak_bytes)


def day_against_peer(
    stage: Stage, case: AgainstPeer, limits: Limits, timeout_seconds: float
) -> rows.Row:
    """Measure random searches on our service and the peer, while hosts change.

    Raises RuntimeError when the numbers of candidates of a search differ.
    """
    assert case.draw is not None
    assert case.day_goal is not None
    ours, peer = services.ours(), services.peer()
    if "wide" in case.name:
        # With default settings, the peer does not answer in time.
        peer = services.tuned_peer()
    figures = _days(
        stage,
        [(ours, case.search), (peer, case.search)],
        case.draw,
        limits,
        timeout_seconds,
    )
    mine = _answered(figures[ours.name])
    ratios = {}
    other = figures[peer.name]
    if isinstance(other, Figures):
        _require_equal(case.name, mine.outcome, other.outcome)
        ratios[peer.name] = rows.ratio(other.sample, mine.sample)
    return rows.Row(f"{case.name}, a day", case.day_goal, figures, ratios)


def day_growth(
    stage: Stage, case: Growth, limits: Limits, timeout_seconds: float
) -> rows.Row:
    """Measure random searches of a small and a large cloud, while hosts change."""
    assert case.draw is not None
    assert case.day_goal is not None
    small = services.ours()._replace(name="small")
    large = services.ours()._replace(name="large")
    figures = _days(
        stage,
        [(small, case.small), (large, case.large)],
        case.draw,
        limits,
        timeout_seconds,
    )
    over, under = _answered(figures["large"]), _answered(figures["small"])
    _require_equal(case.name, over.outcome, under.outcome)
    ratios = {"large to small": rows.ratio(over.sample, under.sample)}
    return rows.Row(f"{case.name}, a day", case.day_goal, figures, ratios)


def _days(
    stage: Stage,
    compared: list[tuple[services.Service, Search]],
    draw: day.Draw,
    limits: Limits,
    timeout_seconds: float,
) -> dict[str, Figures | NoAnswer]:
    sides = []
    with contextlib.ExitStack() as stack:
        for service, search in compared:
            running = stack.enter_context(stage.serving(service, search.shape))
            url = stage.database(service, search.shape)
            changes = stack.enter_context(day.changing(url, service.keeps_used, _SEED))
            api = stack.enter_context(Wire(running.url, VERSION, timeout_seconds))
            work = day.Day(api, draw, changes, random.Random(_SEED))
            sides.append(
                Side(
                    service.name,
                    running.pids,
                    work,
                    prepares_each_time=True,
                    warm_up_seconds=_DAY_WARM_UP_SECONDS,
                )
            )
        return turns.take(sides, limits)


def _require_equal(name: str, one: dict[str, int], other: dict[str, int]) -> None:
    for query in one.keys() & other.keys():
        if one[query] != other[query]:
            raise RuntimeError(
                f"{name}: {query}: {one[query]} and {other[query]} candidates"
            )


def measurements(limits: Limits, timeout_seconds: float) -> rows.Measurements:
    """Return the measurements by row name, in the order of the table."""
    made: rows.Measurements = {}
    for case in searches.SEARCHES:
        measure = against_peer if isinstance(case, AgainstPeer) else growth
        if case.draw is not None:
            day_measure = (
                day_against_peer if isinstance(case, AgainstPeer) else day_growth
            )
            made[f"{case.name}, a day"] = functools.partial(
                _one_row, day_measure, case, limits, timeout_seconds
            )
        made[case.name] = functools.partial(
            _one_row, measure, case, limits, timeout_seconds
        )
    made["physical limit"] = functools.partial(limit.measure, limits=limits)
    return made


def _one_row(
    measure: collections.abc.Callable[..., rows.Row],
    case: AgainstPeer | Growth,
    limits: Limits,
    timeout_seconds: float,
    stage: Stage,
) -> list[rows.Row]:
    return [measure(stage, case, limits, timeout_seconds)]


def _side(running: Running, search: Search, timeout_seconds: float) -> Side:
    work = RepeatedSearch(running.url, search, timeout_seconds)
    return Side(running.name, running.pids, work)


def _answered(figures: Figures | NoAnswer) -> Figures:
    if isinstance(figures, NoAnswer):
        raise RuntimeError(f"our own service: {figures.reason}")
    return figures
