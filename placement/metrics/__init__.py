"""The metrics of the service, summed over the workers of a server.

Workers share them in the directory that PROMETHEUS_MULTIPROC_DIR names. Without it, a
process shows its own metrics only.
"""

import itertools
import os

from placement import exception
from placement.metrics import store
from placement.metrics.instrument import Counter, Gauge, Histogram

# Upper bounds in seconds: small, because most requests take milliseconds.
_SECONDS = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5),
    *(1.0, 2.5, 5.0, 10.0, 30.0),
)
_COUNTS = (0, 1, 10, 100, 1000, 10_000, 100_000)

# Methods that are shown by name; clients can send any other.
_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
_OTHER_METHOD = "_OTHER"

REQUESTS = Histogram(
    "http_server_request_duration_seconds",
    "Seconds until the response was ready; http_route is empty for unknown paths.",
    ("http_request_method", "http_route", "http_response_status_code"),
    bounds=_SECONDS,
)

# Values of ``operation`` of the database.
READ, WRITE = "read", "write"
_OPERATIONS = (READ, WRITE)

DATABASE_OPERATIONS = Histogram(
    "db_client_operation_duration_seconds",
    "Seconds that an attempt of a transaction took, without waiting for a connection.",
    ("operation",),
    [(each,) for each in _OPERATIONS],
    bounds=_SECONDS,
)
# IDLE is shown instead of OPEN.
USED, OPEN, IDLE = "used", "open", "idle"
CONNECTIONS = Gauge(
    "db_client_connection_count",
    "Open connections of the pools.",
    ("state",),
    [(USED,), (OPEN,)],
)
CONNECTION_WAITS = Histogram(
    "db_client_connection_wait_time_seconds",
    "Seconds until a transaction got a connection.",
    bounds=_SECONDS,
)

# Why a transaction was repeated: a lock or key conflict in the database, changed rows,
# a cluster node that is not ready, a lost connection, no free connection in the pool.
CONFLICT, STALE, UNREADY, LOST, POOL = "conflict", "stale", "unready", "lost", "pool"
_REASONS = list(itertools.product(_OPERATIONS, (CONFLICT, STALE, UNREADY, LOST, POOL)))
RETRIES = Counter(
    "placement_transaction_retries_total",
    "Transactions that were repeated.",
    ("operation", "reason"),
    _REASONS,
)
GIVEN_UP = Counter(
    "placement_transactions_given_up_total",
    "Transactions that failed at their last attempt.",
    ("operation", "reason"),
    _REASONS,
)

CLAIM_OPERATIONS = ("put", "post", "reshape", "place", "release")
CLAIM_RESULTS = (
    *("ok", "capacity", "unit_rule", "no_inventory", "generation", "cordoned"),
    "limit",
)
CLAIMS = Counter(
    "placement_claims_total",
    "Requests that change allocations, by their result.",
    ("operation", "result"),
    list(itertools.product(CLAIM_OPERATIONS, CLAIM_RESULTS)),
)

FOUND, EMPTY, CUT, GAVE_UP = "found", "empty", "cut", "gave_up"
SEARCHES = Counter(
    "placement_searches_total",
    "Searches for candidates; cut: as many as the limit were found.",
    ("result",),
    [(each,) for each in (FOUND, EMPTY, CUT, GAVE_UP)],
)
# The causes of an explanation. Only some empty searches are explained.
CAUSES = (
    *("not_offered", "excluded", "too_large", "does_not_combine", "cordoned", "full"),
)
UNEXPLAINED = "unexplained"
EMPTY_SEARCHES = Counter(
    "placement_searches_empty_total",
    "Searches that found nothing, by cause.",
    ("cause",),
    [(each,) for each in (*CAUSES, UNEXPLAINED)],
)
SEARCH_SECONDS = Histogram(
    "placement_search_duration_seconds",
    "Seconds that a search for candidates took.",
    bounds=_SECONDS,
)
CANDIDATES = Histogram(
    "placement_candidates_returned",
    "Candidates that a search found.",
    bounds=_COUNTS,
)
HIT, MISS = "hit", "miss"
SEARCH_CACHE = Counter(
    "placement_search_cache_total",
    "Provider trees that searches took from the cache, or read.",
    ("result",),
    [(HIT,), (MISS,)],
)
STANDBY_USED, STANDBY_BEHIND, STANDBY_FAILED = "used", "behind", "failed"
STANDBY_READS = Counter(
    "placement_standby_reads_total",
    "Reads of a service with a standby; the primary answers those that are not used.",
    ("result",),
    [(STANDBY_USED,), (STANDBY_BEHIND,), (STANDBY_FAILED,)],
)

INSTRUMENTS = (
    *(REQUESTS, DATABASE_OPERATIONS, CONNECTIONS, CONNECTION_WAITS, RETRIES, GIVEN_UP),
    *(
        CLAIMS,
        SEARCHES,
        EMPTY_SEARCHES,
        SEARCH_SECONDS,
        CANDIDATES,
        SEARCH_CACHE,
        STANDBY_READS,
    ),
)

# Shown with the value 1.
BUILD_INFO = "placement_build_info"


def method_label(method: str) -> str:
    """Return the label of an HTTP method."""
    return method if method in _METHODS else _OTHER_METHOD


def start() -> None:
    """Check the directory for the metrics of several processes.

    Raises ConfigurationError when it cannot be written.
    """
    directory = store.shared_directory()
    if directory is not None and not os.access(directory, os.W_OK | os.X_OK):
        raise exception.ConfigurationError(
            reason=f"{store.DIRECTORY_VARIABLE} is {directory}, which is not a "
            "directory that can be written."
        )
