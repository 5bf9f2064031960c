"""Find providers by the name or uuid on the command line."""

import typing
import uuid

from placement.cmd.failures import NotPossibleNow

if typing.TYPE_CHECKING:
    from placement.client import Client, Provider


def find_provider(client: "Client", wanted: str) -> "Provider":
    """Return the provider with this name, or else with this uuid.

    Raises NotPossibleNow when there is none.
    """
    found = client.get_providers(name=wanted)
    if not found and _is_uuid(wanted):
        found = client.get_providers(uuid=wanted)
    if not found:
        raise NotPossibleNow(f"No provider has the name or uuid {wanted}.")
    return found[0]


def _is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
