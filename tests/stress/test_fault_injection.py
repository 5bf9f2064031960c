"""A write with a failing step is done or not done, and its response says which.

Send each write operation while each of its database steps in turn fails in each way;
``fault_injection.Outcome`` says which result each kind of fault must have.
"""

import collections.abc
import contextlib
import logging
import re
import typing

import pytest
import webob

from placement.api import routes
from tests.functional import (
    contents,
    invariants,
    placing_operations,
    write_operations,
)
from tests.functional.contents import Content
from tests.functional.write_operations import Write
from tests.servers import databases, server
from tests.stress import fault_injection
from tests.stress.fault_injection import Outcome

# Few retries: each waits before it starts.
OPTIONS = {"placement": {"allocation_conflict_retry_count": 2}}

# Reconnect without a delay.
NO_DELAY = {"placement_database": {"retry_interval": 0}}

NOTHING_CHANGED = "Nothing was changed."
NOT_KNOWN = "is not known"


class Clean(typing.NamedTuple):
    """The content of the database without faults: before, after one and two sends.

    ``steps`` are those of the first send.
    """

    before: Content
    once: Content
    twice: Content
    steps: fault_injection.Steps


class Place:
    """The service on a database with injected faults."""

    def __init__(
        self,
        kind: str,
        url: str,
        application: server.Application,
        setup: collections.abc.Iterable[write_operations.Setup],
    ) -> None:
        self.faults = fault_injection.faults(kind, url)
        self.url = url
        self.keeper = contents.Keeper(url)
        self._application = application
        write_operations.set_up(application, setup)
        self.keeper.keep()

    def send(self, write: Write) -> webob.Response:
        return write_operations.send(self._application, write)

    def clean(self, write: Write, injector: fault_injection.Injector) -> Clean:
        """Send the write twice without a fault, and restore the database."""
        states = [self.keeper.content()]
        steps = []
        for status in (write.status, write.again):
            injector.count()
            answer = self.send(write)
            steps.append(injector.steps)
            assert answer.status_int == status, answer.text
            states.append(self.keeper.content())
            assert not self.keeper.look(invariants.violations_in)
        self.keeper.restore(is_read=True)
        return Clean(*states, steps[0])


_Injected = tuple[fault_injection.Injector, Place]


@pytest.fixture(scope="module")
def injector_and_place(
    database_kind: str, database_server: databases.Databases
) -> collections.abc.Iterator[_Injected]:
    with injected(database_kind, database_server) as made:
        yield made


@pytest.fixture(scope="module")
def injector_and_limited_place(
    database_kind: str, database_server: databases.Databases
) -> collections.abc.Iterator[_Injected]:
    """With a hold, a group and a limit, which change the statements of claims."""
    with injected(database_kind, database_server, placing_operations.SETUP) as made:
        yield made


@contextlib.contextmanager
def injected(
    kind: str,
    database_server: databases.Databases,
    setup: collections.abc.Iterable[write_operations.Setup] = (),
) -> collections.abc.Iterator[_Injected]:
    with database_server.new() as url:
        # PyMySQL creates a TLS context per connection, which dominates the time of a
        # reconnection.
        is_mariadb = kind == databases.MARIADB
        without_tls = f"{url}?ssl_disabled=true" if is_mariadb else url
        injected_url, injector = fault_injection.injected(without_tls)
        with server.in_process(injected_url, OPTIONS) as application:
            place = Place(kind, without_tls, application, setup)
            yield injector, place
            place.keeper.close()


@pytest.mark.parametrize("write", write_operations.WRITES, ids=lambda write: write.name)
def test_a_write_with_a_failing_step_is_done_or_not_and_says_which(
    write: Write, injector_and_place: _Injected, caplog: pytest.LogCaptureFixture
) -> None:
    # Logging the traceback of every fault takes most of the time.
    caplog.set_level(logging.CRITICAL)
    require_done_or_not(write, *injector_and_place)


@pytest.mark.parametrize(
    "write", placing_operations.WRITES, ids=lambda write: write.name
)
def test_a_placement_with_a_failing_step_is_done_or_not_and_says_which(
    write: Write,
    injector_and_limited_place: _Injected,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.CRITICAL)
    require_done_or_not(write, *injector_and_limited_place)


def require_done_or_not(
    write: Write, injector: fault_injection.Injector, place: Place
) -> None:
    clean = place.clean(write, injector)
    found = []
    seen = set()
    for fault in place.faults:
        if not fault.is_for(write.name):
            continue
        for number in fault.numbers(write.name, clean.steps):
            injector.arm(fault, number)
            answer = place.send(write)
            outcome = injector.disarm()
            if outcome is None:
                # All steps have failed once; there is at least one.
                assert number > 1
                break
            seen.add(outcome)
            found += [
                f"{fault.name}, step {number}, a {injector.struck.value}: {violation}"
                for violation in violations(place, write, clean, outcome, answer)
            ]
            place.keeper.restore(is_read=True)
        else:
            continue
        place.keeper.restore()
    assert not found, "\n".join(found)
    assert seen >= {Outcome.FAILED, Outcome.UNAFFECTED, Outcome.RACED}
    assert not invariants.violations(place.url)


def violations(
    place: Place, write: Write, clean: Clean, outcome: Outcome, answer: webob.Response
) -> list[str]:
    """Check the response, the database, and a second send; return the violations."""
    is_done = outcome in (Outcome.UNAFFECTED, Outcome.UNKNOWN_DONE)
    found = wrong_response(write, outcome, answer)
    left = clean.once if is_done else clean.before
    found += contents.difference(left, place.keeper.content())
    found += place.keeper.look(invariants.violations_in)
    if outcome is Outcome.UNAFFECTED:
        # A client does not repeat a request that succeeded.
        return found

    again = place.send(write)
    wanted = write.again if is_done else write.status
    if again.status_int != wanted:
        found.append(
            f"second send: {again.status_int} instead of {wanted}: {again.text}"
        )
    left = clean.twice if is_done else clean.once
    found += contents.difference(left, place.keeper.content())
    return found


def wrong_response(write: Write, outcome: Outcome, answer: webob.Response) -> list[str]:
    if outcome is Outcome.UNAFFECTED:
        if answer.status_int == write.status:
            return []
        return [f"{answer.status_int} instead of {write.status}: {answer.text}"]
    status, detail = {
        Outcome.FAILED: (500, "an error that it did not expect"),
        Outcome.RACED: (409, "concurrently updated"),
        Outcome.UNAVAILABLE: (503, NOTHING_CHANGED),
        Outcome.UNKNOWN_DONE: (503, NOT_KNOWN),
        Outcome.UNKNOWN_NOT_DONE: (503, NOT_KNOWN),
    }[outcome]
    if answer.status_int != status:
        return [f"{answer.status_int} instead of {status}: {answer.text}"]
    (error,) = answer.json["errors"]
    found = []
    if error["status"] != status or detail not in error["detail"]:
        found.append(f"unexpected error document: {error}")
    if status == 503 and int(answer.headers.get("retry-after", 0)) <= 0:
        found.append("no Retry-After")
    return found


def test_every_operation_that_writes_is_tested() -> None:
    for operation in routes.OPERATIONS:
        if operation.method == "GET":
            continue
        pattern = re.sub(r"\{\w+\}", "[^/]+", operation.path)
        assert any(
            write.method == operation.method and re.fullmatch(pattern, write.path)
            for write in write_operations.WRITES
        ), operation.name


def test_a_service_starts_although_connections_are_lost_meanwhile(
    database_kind: str, database_url: str
) -> None:
    """gunicorn stops every worker if one fails to boot."""
    url, injector = fault_injection.injected(database_url)
    known = fault_injection.faults(database_kind, database_url)
    (lost,) = (fault for fault in known if fault.name == "lost before")
    for number in lost.numbers("start"):
        injector.arm(lost, number)
        with server.in_process(url, NO_DELAY):
            injector.disarm()
        if injector.struck is None:
            assert number > 1
            break
