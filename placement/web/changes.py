"""``GET /-/v1/changes``: the feed of changes."""

import collections.abc
import contextlib
import threading
import time
import typing

import flask

from placement import exception, excerpt, extension_exception
from placement.api.operation import Answer, Parameter
from placement.context import RequestContext
from placement.objects import change, change_feed
from placement.objects.change_feed import Change, Page
from placement.policies import extension as extension_policy
from placement.schemas import changes as schema
from placement.web import shutdown, threads, view

blueprint = flask.Blueprint("changes", __name__)

# The pause between two reads while a request waits.
PAUSE_SECONDS = 0.25


class _Waiting:
    """The requests of this process that wait, each of which takes a thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.count = 0

    @contextlib.contextmanager
    def entered(self, most: int) -> collections.abc.Iterator[bool]:
        """Yield whether one more may wait, and count it if so."""
        with self._lock:
            may_wait = self.count < most
            self.count += may_wait
        try:
            yield may_wait
        finally:
            with self._lock:
                self.count -= may_wait


_WAITING = _Waiting()


@view.operation(
    blueprint,
    "GET /-/v1/changes",
    Answer(200, schema.RESPONSE),
    rule=extension_policy.READ,
    refuses=(404, 410),
    query=schema.QUERY,
    parameters={
        "after": Parameter(
            "The `position` of the previous response, or `now` to begin after all "
            "changes so far; by default from the oldest change that is kept."
        ),
        "wait": Parameter(
            "For how many seconds to wait for a change if there is none, at most 60; "
            "by default 0."
        ),
        "kinds": Parameter(
            "Only changes of these kinds, separated by commas.", "inventory,traits"
        ),
    },
)
def list_changes() -> flask.Response:
    """List changes of providers and consumers, at most 1,000, in order.

    ``position`` is where to continue, even if there is no change. A request may be
    answered before its wait is over.

    Raises QueryInvalid, ChangesDisabled when the feed is off, and ChangesCompacted when
    changes after the position are missing.
    """
    query = view.query()
    after = query.last("after")
    seconds = _parse_wait(query.last("wait"))
    kinds = _parse_kinds(query.last("kinds"))
    position = None if after in (None, schema.NOW) else _parse_number("after", after)
    context = view.context()
    if not context.settings.changes.enabled:
        raise extension_exception.ChangesDisabled()
    if after == schema.NOW:
        page = Page([], change_feed.last_position(context))
    else:
        page = change_feed.read(context, position, kinds)
    if seconds and not page.changes:
        page = _wait(context, page, kinds, seconds)
    return view.json(
        {"changes": list(map(_document, page.changes)), "position": page.position}
    )


def _wait(context: RequestContext, page: Page, kinds: list[str], seconds: int) -> Page:
    """Return the first page after ``page`` that has changes; else the last one read.

    Holds no connection while it waits. Ends when the server stops.
    """
    deadline = time.monotonic() + seconds
    with _WAITING.entered(_waiting_max()) as may_wait:
        while may_wait and not page.changes:
            rest = deadline - time.monotonic()
            if rest <= 0 or shutdown.draining.wait(min(PAUSE_SECONDS, rest)):
                break
            page = change_feed.read(context, page.position, kinds)
    return page


def _waiting_max() -> int:
    """Return how many requests may wait: half of the threads, for others need them.

    Of a server that does not say how many threads it has, one.
    """
    if not flask.request.environ["wsgi.multithread"]:
        return 0
    return 1 if threads.count is None else threads.count // 2


def _parse_wait(given: str | None) -> int:
    seconds = 0 if given is None else _parse_number("wait", given)
    if seconds > schema.WAIT_SECONDS_MAX:
        raise exception.QueryInvalid(
            reason=f"'wait' must be from 0 to {schema.WAIT_SECONDS_MAX} seconds. "
            f"Got: {seconds}"
        )
    return seconds


def _parse_number(name: str, given: str) -> int:
    # The schema allows digits only, but int() refuses thousands of them.
    if len(given) > schema.DIGITS_MAX:
        raise exception.QueryInvalid(
            reason=f"'{name}' must have at most {schema.DIGITS_MAX} digits. "
            f"Got: {excerpt.of_text(given)}"
        )
    return int(given)


def _parse_kinds(given: str | None) -> list[str]:
    """Return the kinds; none if all are wanted. Raises QueryInvalid."""
    kinds = given.split(",") if given else []
    for kind in kinds:
        if kind not in change.KINDS:
            raise exception.QueryInvalid(
                reason=f"'kinds' takes {', '.join(change.KINDS)}, separated by commas. "
                f"Got: {excerpt.of_text(kind)}"
            )
    return kinds


def _document(found: Change) -> dict[str, typing.Any]:
    subject = (
        {"provider": found.provider}
        if found.consumer is None
        else {"consumer": found.consumer}
    )
    return {
        "position": found.position,
        "kind": found.kind,
        **subject,
        "generation": found.generation,
    }
