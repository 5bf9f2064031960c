"""Queries of ``GET /allocation_candidates`` that extensions take as a string."""

import functools

from placement import exception, excerpt
from placement.api import microversion
from placement.api.microversion import MAX_VERSION, Version
from placement.candidates.model import SearchRequest
from placement.candidates.query import request

# The first version that has allocation candidates.
_SINCE = Version(1, 10)

# Only short queries are cached, so that the memory is bounded.
_CACHED_LENGTH_MAX = 1024
_CACHED_MAX = 500


def parse(query: str, version: str | None) -> SearchRequest:
    """Return what a query string asks for, in the words of ``version``.

    None is the newest version. Raises BadRequest.
    """
    at = parse_version(version)
    encoded = query.encode(errors="replace")
    if len(query) <= _CACHED_LENGTH_MAX:
        return _parse_cached(encoded, at)
    return request.parse_query_string(encoded, at)


def parse_version(given: str | None) -> Version:
    """Return the version of a query, by default the newest. Raises QueryInvalid."""
    if given is None:
        return MAX_VERSION
    try:
        version = microversion.parse(given)
    except exception.PlacementError:
        version = None
    if version is None or version < _SINCE:
        raise exception.QueryInvalid(
            reason=f"'version' must be from {_SINCE} to {MAX_VERSION}, or 'latest'. "
            f"Got: {excerpt.of_text(given)}"
        )
    return version


_parse_cached = functools.lru_cache(_CACHED_MAX)(request.parse_query_string)
