"""Bodies that change a provider: a missing one is reported before an invalid body."""

import typing

from placement import exception
from placement.api.request import Request
from placement.db import transaction
from placement.objects import resource_provider


def body(req: Request, uuid: str) -> typing.Any:
    """Return the validated body of a request that changes the provider ``uuid``.

    Reads the provider only if the body is invalid; the write finds a missing one.

    Raises ResourceProviderNotFound, and BadRequest for an invalid body.
    """
    try:
        return req.json()
    except exception.BadRequest:
        transaction.read_before_write(
            req.context, lambda conn: resource_provider.get_by_uuid(conn, uuid)
        )
        raise
