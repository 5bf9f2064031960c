"""Where the service on this machine is, and which token it takes."""

import os
import pathlib
import typing
from collections.abc import Mapping

from placement.client import errors

ENDPOINT_FILE = "endpoint"
TOKEN_FILE = "admin-token"


class Location(typing.NamedTuple):
    """One service: the URL it is served at, and a token that it takes."""

    endpoint: str
    token: str


def state_directory(environ: Mapping[str, str] = os.environ) -> pathlib.Path:
    """Return the directory that a server without configuration keeps its files in.

    ``$PLACEMENT_STATE_DIR`` if set; else ``/var/lib/placement`` for root, and
    ``$XDG_STATE_HOME/placement`` (``~/.local/state/placement``) for others. It need
    not exist.
    """
    if environ.get("PLACEMENT_STATE_DIR"):
        return pathlib.Path(environ["PLACEMENT_STATE_DIR"])
    if os.geteuid() == 0:
        return pathlib.Path("/var/lib/placement")
    if environ.get("XDG_STATE_HOME"):
        return pathlib.Path(environ["XDG_STATE_HOME"]) / "placement"
    return pathlib.Path(os.path.expanduser("~/.local/state/placement"))


def locate(
    endpoint: str | None = None,
    token: str | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Location:
    """Return the service to speak to.

    Each half is the argument, else ``PLACEMENT_ENDPOINT`` or ``PLACEMENT_TOKEN``,
    else what the server on this machine left in its state directory. The token found
    there is for the endpoint found there: it is never sent anywhere else.

    Raises ServerNotLocated when a half is missing.
    """
    directory = state_directory(environ)
    stored_endpoint = _first_line(directory / ENDPOINT_FILE)
    endpoint = endpoint or environ.get("PLACEMENT_ENDPOINT") or stored_endpoint
    if not endpoint:
        raise errors.ServerNotLocated(
            f"No server found in {directory}: start one with `placement serve`, wait "
            "for one that is starting with --wait, or name one with "
            "PLACEMENT_ENDPOINT or --endpoint."
        )
    token = token or environ.get("PLACEMENT_TOKEN")
    if not token and endpoint == stored_endpoint:
        token = _first_line(directory / TOKEN_FILE)
    if not token:
        raise errors.ServerNotLocated(
            f"No token for {endpoint}: give one with PLACEMENT_TOKEN or --token."
        )
    return Location(endpoint, token)


def _first_line(path: pathlib.Path) -> str | None:
    """Return the first line of a file, or None if there is none to read."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return None
    except PermissionError as failure:
        raise errors.ServerNotLocated(
            f"{path} belongs to another user: give PLACEMENT_ENDPOINT and "
            "PLACEMENT_TOKEN, or --endpoint and --token."
        ) from failure
    return lines[0].strip() or None if lines else None
