"""The requests in the file ``[metrics] capacity_requests``."""

import logging
import typing

import sqlalchemy as sa

from placement import exception, extension_exception
from placement.candidates.capacity import read
from placement.candidates.capacity.model import Capacity, Options
from placement.candidates.model import SearchRequest
from placement.web import search_query

if typing.TYPE_CHECKING:
    from placement.context import RequestContext, Service

LOG = logging.getLogger(__name__)

# Key in ``Service.kept`` of the requests, by name.
_REQUESTS = "metrics.capacity_requests"

REQUESTS_MAX = 200

_OPTION = "[metrics] capacity_requests"


def prepare(service: "Service") -> None:
    """Read the file, if there is one. Raises ConfigurationError."""
    path = service.settings.metrics.capacity_requests
    requests: dict[str, SearchRequest] = {}
    if path is not None:
        try:
            with open(path, encoding="utf-8") as file:
                requests = _parse(path, file.read().splitlines())
        except (OSError, UnicodeDecodeError) as unreadable:
            raise exception.ConfigurationError(
                reason=f"{_OPTION} cannot be read: {unreadable}"
            ) from unreadable
    service.kept[_REQUESTS] = requests


def _parse(path: str, lines: list[str]) -> dict[str, SearchRequest]:
    """Return requests by name: a line is a name, white space, and a query."""
    requests: dict[str, SearchRequest] = {}
    for number, line in enumerate(lines, start=1):
        name, *rest = line.split(None, 1)[:2] or [""]
        if not name or name.startswith("#"):
            continue
        try:
            if name in requests:
                raise extension_exception.DuplicateRequestName(name=name)
            requests[name] = search_query.parse("".join(rest).strip(), None)
        except exception.BadRequest as invalid:
            raise exception.ConfigurationError(
                reason=f"{_OPTION}: {path}, line {number}: {invalid}"
            ) from invalid
    if len(requests) > REQUESTS_MAX:
        raise exception.ConfigurationError(
            reason=f"{_OPTION}: {path} has {len(requests)} requests, more than "
            f"{REQUESTS_MAX}."
        )
    return requests


def count(conn: sa.Connection, context: "RequestContext") -> dict[str, Capacity]:
    """Count the requests in the snapshot of ``conn``, with the counts of all hosts.

    A request that names an unknown class or trait is left out, which is logged.
    """
    requests = dict(context.service.kept[_REQUESTS])
    while requests:
        try:
            return read.count_in(conn, context, requests, Options(hosts=None))
        except extension_exception.NamedRequestInvalid as invalid:
            LOG.warning(
                "%s: a request is left out of the metrics until it is corrected: %s",
                _OPTION,
                invalid,
            )
            del requests[invalid.name]
    return {}
