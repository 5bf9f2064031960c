"""The header ``Accept``."""

import functools

from webob import acceptparse


# Most clients send one of a few values.
@functools.lru_cache(maxsize=64)
def best_offer(header: str | None, *offered: str) -> str | None:
    """Return the offered media type that the header prefers; None if it accepts none.

    Of equally preferred types, the one that is offered first.
    """
    accept = acceptparse.create_accept_header(header)
    accepted = accept.acceptable_offers(list(offered))
    return accepted[0][0] if accepted else None
