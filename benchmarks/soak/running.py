"""Find the highest rate of the mix, then run a part of it for a long time.

The operations of the long run are due at random times, at a constant average rate,
whether or not earlier ones have been answered. A latency begins when the operation was
due, so a service that stands still for a second cannot hide it.
"""

import dataclasses
import functools
import http.client
import queue
import random
import sys
import threading
import time
import typing

from benchmarks import clouds, services
from benchmarks.soak import operations, windows
from benchmarks.soak.population import Population
from benchmarks.stage import Running, Stage
from benchmarks.wire import Wire
from tests.functional import invariants
from tests.functional.connection import Connection

VERSION = "1.39"
_CLIENTS = 24
_CALIBRATION_SECONDS = 60.0
_WARM_UP_SECONDS = 20.0
_TIMEOUT_SECONDS = 60.0
_EARLY_SECONDS = 10.0
_STOP = None


@dataclasses.dataclass(frozen=True)
class Plan:
    """``load`` is the part of the highest rate that the soak runs at."""

    hosts: int
    seconds: float
    load: float
    window_seconds: float
    seed: int = 1


@dataclasses.dataclass(frozen=True)
class Result:
    """Rates in operations per second.

    ``errors`` are unexpected answers, ``violations`` what is wrong in the database at
    the end; ``consumers`` is the number of those that the soak has left there.
    """

    plan: Plan
    highest_rate: float
    rate: float
    windows: list[windows.Window]
    errors: list[str]
    violations: list[str]
    consumers: int


class _Due(typing.NamedTuple):
    """An operation, due at a time of the monotonic clock."""

    at: float
    operation: operations.Operation


def soak(stage: Stage, plan: Plan) -> Result:
    """Run a soak; prints its progress to stderr."""
    shape = functools.partial(clouds.flat, plan.hosts)
    ours = services.ours()
    with stage.serving(ours, shape) as running:
        url = stage.database(ours, shape)
        population = Population(random.Random(plan.seed))
        clients = functools.partial(_client, running.url, plan, population)
        _run_closed(clients, _WARM_UP_SECONDS, windows.Windows(_WARM_UP_SECONDS))
        calibrated = windows.Windows(2 * _CALIBRATION_SECONDS)
        highest = _run_closed(clients, _CALIBRATION_SECONDS, calibrated)
        rate = plan.load * highest
        _say(f"highest rate {highest:.0f} operations per second; running at {rate:.0f}")
        taken = windows.Windows(plan.window_seconds)
        taken.errors += calibrated.errors
        _run_open(clients, rate, plan, taken, running, url)
        return Result(
            plan,
            highest,
            rate,
            [each for each in taken.all if each.start < plan.seconds],
            taken.errors,
            invariants.violations(url),
            len(population),
        )


def _client(
    url: str, plan: Plan, population: Population, number: int
) -> operations.Client:
    rng = random.Random(f"{plan.seed}/{number}")
    api = Wire(url, VERSION, _TIMEOUT_SECONDS)
    return operations.Client(api, rng, population, plan.hosts)


def _run_closed(
    clients: typing.Callable[[int], operations.Client],
    seconds: float,
    taken: windows.Windows,
) -> float:
    """Run operations one after the other; return their number per second."""
    started = time.monotonic()

    def work(number: int) -> None:
        client = clients(number)
        with client.api:
            while (now := time.monotonic()) < started + seconds:
                operation = operations.draw(client.rng)
                _perform(client, _Due(now, operation), started, taken)

    _in_threads(work)
    return sum(each.operations for each in taken.all) / (time.monotonic() - started)


def _run_open(
    clients: typing.Callable[[int], operations.Client],
    rate: float,
    plan: Plan,
    taken: windows.Windows,
    running: Running,
    url: str,
) -> None:
    """Run operations when they are due, and the scrapes of a monitoring system."""
    started = time.monotonic()
    todo: queue.SimpleQueue[_Due | None] = queue.SimpleQueue()
    ended = threading.Event()

    def work(number: int) -> None:
        client = clients(number)
        with client.api:
            while (due := todo.get()) is not _STOP:
                _perform(client, due, started, taken)

    watchers = [
        threading.Thread(
            target=_scrape, args=(running.url, each, started, taken, ended)
        )
        for each in operations.SCRAPES
    ]
    watchers.append(
        threading.Thread(target=_watch, args=(running, url, started, taken, ended))
    )
    for watcher in watchers:
        watcher.start()
    feeder = threading.Thread(target=_feed, args=(rate, plan, started, todo))
    feeder.start()
    _in_threads(work)
    feeder.join()
    ended.set()
    for watcher in watchers:
        watcher.join()


def _feed(
    rate: float, plan: Plan, started: float, todo: "queue.SimpleQueue[_Due | None]"
) -> None:
    """Put operations into the queue when they are due, at random distances."""
    rng = random.Random(plan.seed)
    at = started
    while (at := at + rng.expovariate(rate)) < started + plan.seconds:
        windows.sleep_until(at)
        todo.put(_Due(at, operations.draw(rng)))
    for _ in range(_CLIENTS):
        todo.put(_STOP)


def _perform(
    client: operations.Client, due: _Due, started: float, taken: windows.Windows
) -> None:
    name = due.operation.__name__
    try:
        outcome = due.operation(client)
    except (operations.UnexpectedError, OSError, http.client.HTTPException) as failure:
        taken.add_error(f"{time.monotonic() - started:.0f} s, {name}: {failure}")
        outcome = "error"
    taken.add(due.at - started, name, time.monotonic() - due.at, outcome)


def _scrape(
    url: str,
    scrape: operations.Scrape,
    started: float,
    taken: windows.Windows,
    ended: threading.Event,
) -> None:
    at = started
    while not ended.wait(max(at - time.monotonic(), 0)):
        begun = time.monotonic()
        try:
            with Connection(
                url, VERSION, _TIMEOUT_SECONDS, headers=dict(scrape.headers)
            ) as api:
                outcome = str(api.send("GET", scrape.path).status)
        except (OSError, http.client.HTTPException) as failure:
            outcome = f"error: {failure}"
        if outcome != "200":
            taken.add_error(f"GET {scrape.path}: {outcome}")
        seconds = time.monotonic() - begun
        taken.add(begun - started, f"GET {scrape.path}", seconds, outcome)
        at += scrape.interval_seconds


def _watch(
    running: Running,
    url: str,
    started: float,
    taken: windows.Windows,
    ended: threading.Event,
) -> None:
    """Measure the processes shortly before the end of each window.

    At the end, scrapes are due, whose answers take memory for a moment.
    """
    service, database = running.pids
    early = min(_EARLY_SECONDS, taken.seconds / 4)
    number = 1
    while True:
        at = started + number * taken.seconds - early
        is_last = ended.wait(max(at - time.monotonic(), 0))
        window = taken.at((number - 0.5) * taken.seconds)
        window.usage = windows.usage(service, database, url)
        if is_last:
            return
        p99 = window.quantiles().get("p99", 0) * 1e3
        _say(
            f"{number * taken.seconds:.0f} s: {window.operations} operations, p99 "
            f"{p99:.0f} ms, service {window.usage.service_bytes / 1e6:.0f} MB, "
            f"{len(taken.errors)} errors"
        )
        number += 1


def _in_threads(work: typing.Callable[[int], None]) -> None:
    threads = [
        threading.Thread(target=work, args=(number,)) for number in range(_CLIENTS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
