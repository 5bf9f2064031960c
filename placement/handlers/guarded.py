"""Bodies that change a provider: that there is none is told before what they break."""

import typing

from placement import exception
from placement.api.request import Request
from placement.db import transaction
from placement.objects import resource_provider
from placement.schemas.validation import Schemas


def body(req: Request, uuid: str, schemas: Schemas) -> typing.Any:
    """Return the body of a request that changes the provider ``uuid``.

    A body that is good is not what the provider is asked for: who writes then finds
    it, or does not.

    Raises ResourceProviderNotFound; BadRequest for a body that breaks its schema.
    """
    try:
        return req.json(schemas)
    except exception.BadRequest:
        transaction.read_before_write(
            req.context, lambda conn: resource_provider.get_by_uuid(conn, uuid)
        )
        raise
