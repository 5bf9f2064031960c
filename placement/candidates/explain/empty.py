"""Log why searches find nothing, after their answers are sent."""

import logging
import threading
import time
import typing

import sqlalchemy as sa

from placement import exception, metrics
from placement.candidates.explain.explanation import explain
from placement.candidates.explain.summary import best_relaxation, summary
from placement.candidates.explain.words import Words
from placement.candidates.model import SearchRequest

if typing.TYPE_CHECKING:
    from placement.context import RequestContext

LOG = logging.getLogger(__name__)

# The key in ``Service.kept``.
_KEPT = "placement.candidates.empty"

# The longest that one explanation may take, and the shortest time between two.
_SECONDS_MAX = 2.0
_SECONDS_BETWEEN = 1.0

# Explanations take at most one part in ``_PARTS_OF_TIME`` of the time of a process.
_PARTS_OF_TIME = 20


class EmptySearches:
    """Explains some of the empty searches of this process, one at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._next = 0.0

    def explain(self, context: "RequestContext", request: SearchRequest) -> None:
        """Count ``request``, which finds nothing, by its cause, and log the reason.

        If another search was just explained, this one is not. Never raises.
        """
        metrics.EMPTY_SEARCHES.inc(self._cause(context, request))

    def _cause(self, context: "RequestContext", request: SearchRequest) -> str:
        if not LOG.isEnabledFor(logging.INFO) or not self._lock.acquire(blocking=False):
            return metrics.UNEXPLAINED
        try:
            began = time.monotonic()
            if began < self._next:
                return metrics.UNEXPLAINED
            cause = _log(context, request)
            now = time.monotonic()
            pause = max(_SECONDS_BETWEEN, (_PARTS_OF_TIME - 1) * (now - began))
            self._next = now + pause
            return cause
        finally:
            self._lock.release()


def _log(context: "RequestContext", request: SearchRequest) -> str:
    """Explain the request, and return its cause."""
    try:
        found = explain(context, request, hosts=0, seconds_max=_SECONDS_MAX)
    except (exception.PlacementError, sa.exc.SQLAlchemyError) as failure:
        LOG.info("No allocation candidates: not explained: %s", failure)
        return metrics.UNEXPLAINED
    except Exception:
        # The answer is sent already; it has no other place to fail.
        LOG.exception(
            "No allocation candidates: not explained. Please report it with the "
            "traceback."
        )
        return metrics.UNEXPLAINED
    if not found.is_survey_complete:
        LOG.info(
            "No allocation candidates: not explained within %g seconds", _SECONDS_MAX
        )
        return metrics.UNEXPLAINED
    words = Words(found.request, found.ids, found.survey)
    LOG.info(
        "No allocation candidates: %s: %s; %s",
        found.cause,
        summary(found, words),
        best_relaxation(found, words),
    )
    # Something may have become free meanwhile.
    return found.cause if found.cause in metrics.CAUSES else metrics.UNEXPLAINED


def empty_searches_of(context: "RequestContext") -> EmptySearches:
    """Return those of the process."""
    kept: EmptySearches = context.service.kept.setdefault(_KEPT, EmptySearches())
    return kept
