"""The figures of a soak; the soak itself takes too long here."""

import random
import socket
import threading
import time

import pytest

from benchmarks import soak
from benchmarks.soak import operations, population, running, windows

USAGE = windows.Usage(100_000_000, 50_000_000, 10.0, 5.0, 30_000_000)


def test_an_operation_counts_in_the_window_in_which_it_was_due():
    taken = windows.Windows(10)

    taken.add(9.99, "report", 5.0, "short")
    taken.add(25.0, "report", 1.0, "full")

    assert [each.operations for each in taken.all] == [1, 0, 1]
    assert [each.start for each in taken.all] == [0, 10, 20]
    assert taken.all[2].outcomes == {("report", "full"): 1}


@pytest.mark.parametrize(
    ("latencies", "expected"),
    [
        ([], {}),
        ([2.0], {"p50": 2.0, "p95": 2.0, "p99": 2.0, "max": 2.0}),
        (range(100, 0, -1), {"p50": 50, "p95": 95, "p99": 99, "max": 100}),
    ],
)
def test_a_quantile_is_a_latency_that_was_measured(latencies, expected):
    window = windows.Window(0, 10)
    window.latencies["report"] += latencies

    assert window.quantiles() == expected
    assert window.quantiles("report") == expected
    assert window.quantiles("place") == {}


class EndedAfterOne(threading.Event):
    """An event that happens after its first wait."""

    def wait(self, timeout=None):
        was_waited_for = self.is_set()
        self.set()
        return was_waited_for


def test_a_scrape_without_an_answer_is_an_error():
    taken = windows.Windows(10)
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
    scrape = operations.Scrape("/metrics", 15)

    running._scrape(url, scrape, time.monotonic(), taken, EndedAfterOne())

    (error,) = taken.errors
    assert error.startswith("GET /metrics: error: ")
    assert taken.all[0].operations == 1


def test_each_consumer_is_taken_once():
    consumers = population.Population(random.Random(1))
    for number in range(5):
        consumers.put(population.Consumer(str(number), "host", 1))

    taken = [consumers.take() for _ in range(5)]

    assert {each.uuid for each in taken} == set("01234")
    assert consumers.take() is None
    assert len(consumers) == 0


def test_as_many_consumers_are_released_as_are_created():
    weights = {each.__name__: count for each, count in operations.WEIGHTS.items()}
    # One hold in two is confirmed, and one request in twenty is refused.
    created = (
        weights["search_and_claim"]
        + weights["place"]
        + 10 * weights["place_group"]
        + weights["hold"] / 2
    )

    assert sum(weights.values()) == 1000
    assert weights["release"] == pytest.approx(created * 19 / 20, rel=0.1)


def test_the_tables_compare_the_last_windows_with_the_first():
    taken = windows.Windows(10)
    for number in range(8):
        taken.add(number * 10, "report", 0.001 * (1 + number // 4), "short")
        spent = USAGE.service_processor + 5 * number
        taken.all[number].usage = USAGE._replace(service_processor=spent)
    plan = soak.Plan(hosts=10, seconds=80, load=0.7, window_seconds=10)
    result = soak.Result(plan, 100.0, 70.0, taken.all, ["500"], [], 3)

    text = soak.markdown(result)
    document = soak.document(result)

    assert "1 unexpected answers, 0 violations" in text
    assert "| report | 8 | 1.0 | 2.0 | 2.0 | 2.0 | 2.00 | 2.00 |" in text
    assert "| 20 s | 1 | 1.0 | 1.0 | 1.0 | 1.0 | 100 | 50 | 0.50 | 0.00 | 30 |" in text
    assert "| report | short | 8 |" in text
    assert document["windows"][7]["latencies"]["report"]["p50"] == 0.002
