"""Log why searches find nothing, after their answers are sent."""

import logging
import threading
import time
import typing

import sqlalchemy as sa

from placement import exception, metrics
from placement.candidates.explain.explanation import Explanation, explain
from placement.candidates.explain.summary import best_relaxation, summary
from placement.candidates.explain.words import Words
from placement.candidates.model import SearchRequest

if typing.TYPE_CHECKING:
    from placement.context import RequestContext

LOG = logging.getLogger(__name__)

# The key in ``Service.kept``.
_KEPT = "placement.candidates.empty"

# The longest that one explanation may take.
_SECONDS_MAX = 2.0

# The shortest time between two lines of a process.
_SECONDS_BETWEEN = 1.0

# Explanations take at most one part in ``_PARTS_OF_TIME`` of the time of a process.
# Searches that come together are explained until they have taken ``_CREDIT_SECONDS``.
_PARTS_OF_TIME = 100
_CREDIT_SECONDS = 0.25


class EmptySearches:
    """Explains the empty searches of this process, one at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # Seconds that explanations may take now, and when that was worked out.
        self._credit = _CREDIT_SECONDS
        self._at = time.monotonic()
        # When the next line may be logged.
        self._next_line = 0.0

    def explain(self, context: "RequestContext", request: SearchRequest) -> None:
        """Count ``request``, which finds nothing, by its cause, and log the reason.

        If searches were explained for too long just now, this one is not. Never raises.
        """
        metrics.EMPTY_SEARCHES.inc(self._cause(context, request))

    def _cause(self, context: "RequestContext", request: SearchRequest) -> str:
        if not self._lock.acquire(blocking=False):
            return metrics.UNEXPLAINED
        try:
            began = self._advance()
            if self._credit <= 0:
                return metrics.UNEXPLAINED
            found = _explained(context, request)
            self._credit -= time.monotonic() - began
            if found is not None and self._is_line_due():
                _log(found)
        finally:
            self._lock.release()
        return _cause_of(found)

    def _is_line_due(self) -> bool:
        """Return whether a line may be logged now; if so, the next one is later."""
        now = time.monotonic()
        if now < self._next_line or not LOG.isEnabledFor(logging.INFO):
            return False
        self._next_line = now + _SECONDS_BETWEEN
        return True

    def _advance(self) -> float:
        """Add the credit since the last search, and return the time."""
        now = time.monotonic()
        earned = (now - self._at) / _PARTS_OF_TIME
        self._credit = min(_CREDIT_SECONDS, self._credit + earned)
        self._at = now
        return now


def _explained(
    context: "RequestContext", request: SearchRequest
) -> Explanation | str | None:
    """Return the explanation, or why there is none; None if that is logged."""
    try:
        found = explain(context, request, hosts=0, seconds_max=_SECONDS_MAX)
    except (exception.PlacementError, sa.exc.SQLAlchemyError) as failure:
        return f": {failure}"
    except Exception:
        # The answer is sent already, so a failure can only be logged.
        LOG.exception(
            "No allocation candidates: not explained. Please report it with the "
            "traceback."
        )
        return None
    return found if found.is_survey_complete else f" within {_SECONDS_MAX:g} seconds"


def _log(found: Explanation | str) -> None:
    if isinstance(found, str):
        LOG.info("No allocation candidates: not explained%s", found)
        return
    words = Words(found.request, found.ids, found.survey)
    LOG.info(
        "No allocation candidates: %s: %s; %s",
        found.cause,
        summary(found, words),
        best_relaxation(found, words),
    )


def _cause_of(found: Explanation | str | None) -> str:
    # Something may have become free meanwhile.
    if isinstance(found, Explanation) and found.cause in metrics.CAUSES:
        return found.cause
    return metrics.UNEXPLAINED


def empty_searches_of(context: "RequestContext") -> EmptySearches:
    """Return those of the process."""
    kept: EmptySearches = context.service.kept.setdefault(_KEPT, EmptySearches())
    return kept
