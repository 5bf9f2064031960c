"""A client of a service in the same process."""

import typing

from placement.client.client import Client
from placement.client.transport import WSGITransport


def in_process(config: typing.Any, token: str = "admin") -> Client:
    """Start a service with ``config`` and return a client of it; opens no socket.

    For ``config``, see ``placement.deploy.loadapp``; its database must have the schema.
    The authentication of the service must accept ``token``.
    """
    # Other users of the client do not need the service.
    from placement import deploy  # noqa: PLC0415 - slow

    return Client(WSGITransport(deploy.loadapp(config), token))
