"""Providers as people name them on the command line: by name or uuid."""

import typing
import uuid

from placement.cmd.failures import NotPossibleNow

if typing.TYPE_CHECKING:
    from placement.client import Client, Provider


def find_provider(client: "Client", wanted: str) -> "Provider":
    """Return the provider of this name, else the one of this uuid.

    Raises NotPossibleNow when there is neither.
    """
    found = client.get_providers(name=wanted)
    if not found and _is_uuid(wanted):
        found = client.get_providers(uuid=wanted)
    if not found:
        raise NotPossibleNow(f"There is no provider with the name or uuid {wanted}.")
    return found[0]


def _is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
