"""Which requests are retried, and after which pauses."""

import itertools
import json

import pytest

from placement import client as api
from placement.client import Client, Response, Retry, retry


def answer(status, detail="", code="placement.undefined_code", headers=None):
    error = {"status": status, "detail": f"Sentence.\n\n {detail}  ", "code": code}
    return Response(status, headers or {}, json.dumps({"errors": [error]}).encode())


OK = Response(200, {}, b'{"traits": []}')
NOT_NOW = answer(503, "The database cannot be reached. Nothing was changed.")
KEY_IN_PROGRESS = answer(409, "In progress.", "placement.ext.key_in_progress")
UNKNOWN = answer(
    503, "It was being committed; it is not known whether it was. Read again."
)
RACE = answer(
    409,
    "Another thread concurrently updated the data. Please retry your update",
    "placement.concurrent_update",
)
STALE = answer(
    409,
    "Resource provider's generation already changed.",
    "placement.concurrent_update",
)
CONSUMER = answer(
    409,
    "consumer generation conflict - expected 1 but got None",
    "placement.concurrent_update",
)


class Scripted:
    """A transport that returns the given responses in order, then repeats the last."""

    def __init__(self, *answers):
        self.methods = []
        self._answers = itertools.chain(answers, itertools.repeat(answers[-1]))

    def send(self, method, path, headers, body):
        self.methods.append(method)
        answer = next(self._answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def close(self):
        pass


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """A fake clock that ``sleep`` advances; ``pauses`` lists the pauses."""

    class Clock:
        now = 0.0
        pauses = []

        def sleep(self, seconds):
            self.pauses.append(seconds)
            self.now += seconds

    clock = Clock()
    clock.pauses = []
    monkeypatch.setattr(retry.time, "monotonic", lambda: clock.now)
    monkeypatch.setattr(retry.time, "sleep", clock.sleep)
    monkeypatch.setattr(retry.random, "uniform", lambda low, high: high)
    return clock


def test_no_request_is_retried_by_default():
    transport = Scripted(NOT_NOW, OK)

    with pytest.raises(api.Unavailable):
        Client(transport).get_traits()
    assert transport.methods == ["GET"]


@pytest.mark.parametrize("refusal", [NOT_NOW, UNKNOWN, Response(503, {}, b"<p>")])
def test_a_read_is_retried_after_any_503(refusal):
    transport = Scripted(refusal, refusal, OK)

    assert Client(transport, retry=Retry()).get_traits() == []
    assert len(transport.methods) == 3


@pytest.mark.parametrize("refusal", [NOT_NOW, RACE, KEY_IN_PROGRESS])
@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE"])
def test_a_write_that_changed_nothing_is_retried(method, refusal):
    transport = Scripted(refusal, OK)

    Client(transport, retry=Retry()).request(method, "/x", {})

    assert transport.methods == [method, method]


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE"])
@pytest.mark.parametrize(
    "refusal",
    [
        UNKNOWN,
        Response(503, {}, b"<p>No server"),
        Response(502, {}, b""),
        answer(500, "Unexpected."),
        STALE,
        CONSUMER,
        answer(409, "In use.", "placement.inventory.inuse"),
        answer(400),
        api.TimedOut("late"),
        api.Unreachable("gone"),
    ],
)
def test_a_write_is_not_retried_if_a_retry_is_unsafe_or_useless(method, refusal):
    transport = Scripted(refusal, OK)

    with pytest.raises(api.ClientError):
        Client(transport, retry=Retry()).request(method, "/x", {})
    assert transport.methods == [method]


def test_the_number_of_attempts_is_limited(clock):
    transport = Scripted(NOT_NOW)

    with pytest.raises(api.Unavailable):
        Client(transport, retry=Retry(attempts=4, pause_seconds=1)).get_traits()

    assert len(transport.methods) == 4
    assert clock.pauses == [1, 2, 4]


def test_pause_seconds_max_limits_a_pause(clock):
    limits = Retry(attempts=5, pause_seconds=1, pause_seconds_max=3)

    with pytest.raises(api.Unavailable):
        Client(Scripted(NOT_NOW), retry=limits).get_traits()

    assert clock.pauses == [1, 2, 3, 3]


def test_seconds_max_limits_the_total_time(clock):
    limits = Retry(attempts=100, seconds_max=10, pause_seconds=4, pause_seconds_max=4)

    with pytest.raises(api.Unavailable):
        Client(Scripted(NOT_NOW), retry=limits).get_traits()

    assert clock.now == 8


def test_the_pause_is_added_to_retry_after(clock):
    refusal = Response(503, {"retry-after": "7"}, b"")

    Client(Scripted(refusal, OK), retry=Retry(pause_seconds=0.5)).get_traits()

    assert clock.pauses == [7.5]


def test_a_retry_after_beyond_the_total_time_ends_the_attempts(clock):
    refusal = Response(503, {"retry-after": "3600"}, b"")

    with pytest.raises(api.Unavailable):
        Client(Scripted(refusal, OK), retry=Retry()).get_traits()

    assert clock.pauses == []


def test_pauses_are_random(monkeypatch, clock):
    monkeypatch.undo()
    monkeypatch.setattr(retry.time, "sleep", clock.sleep)
    for _ in range(5):
        Client(Scripted(NOT_NOW, OK), retry=Retry(pause_seconds=1)).get_traits()

    assert len(set(clock.pauses)) == 5
    assert all(0 <= pause <= 1 for pause in clock.pauses)


def test_zero_attempts_are_rejected():
    with pytest.raises(ValueError, match="attempts"):
        Retry(attempts=0)


def test_run_repeats_the_step_after_a_concurrent_update():
    generations = iter([1, 2, 3])

    def step():
        generation = next(generations)
        if generation < 3:
            raise api.ConcurrentUpdate("changed", 409)
        return generation

    assert Retry().run(step) == 3


def test_run_does_not_repeat_a_step_whose_outcome_is_unknown():
    attempts = []

    def step():
        attempts.append(1)
        raise api.Unavailable("lost", 503)

    with pytest.raises(api.Unavailable):
        Retry().run(step)
    assert len(attempts) == 1
