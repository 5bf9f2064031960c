"""Find providers by the uuid or name on the command line, and show their names."""

import typing
from collections.abc import Iterable

from placement.cmd.failures import NotPossibleNow

if typing.TYPE_CHECKING:
    from placement.client import Client, Provider


def find_provider(client: "Client", wanted: str) -> "Provider":
    """Return the provider with this uuid, or else with this name.

    Raises NotPossibleNow when there is none.
    """
    from placement.client import NotFound  # noqa: PLC0415 - slow

    try:
        return client.get_provider_details(wanted).provider
    except NotFound as failure:
        raise NotPossibleNow(f"No provider has the name or uuid {wanted}.") from failure


def provider_names(client: "Client", uuids: Iterable[str]) -> dict[str, str]:
    """Return the names of the existing providers with these uuids, by uuid."""
    found = client.read_providers(uuids=sorted(set(uuids)), state="any")
    return {each.provider.uuid: each.provider.name for each in found}
