"""A client of a service that runs inside this process."""

import typing

from placement.client.client import Client
from placement.client.transport import WSGITransport


def in_process(config: typing.Any, token: str = "admin") -> Client:
    """Start the service that ``config`` describes, and return a client of it.

    ``config`` is what ``placement.deploy.loadapp`` takes; its database must have the
    schema. ``token`` is one that its authentication accepts. No socket is opened.
    """
    # The service is loaded by those who embed it, not by every user of the client.
    from placement import deploy  # noqa: PLC0415 - slow

    return Client(WSGITransport(deploy.loadapp(config), token))
