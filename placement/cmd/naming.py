"""Find providers by the uuid or name on the command line."""

import typing

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
