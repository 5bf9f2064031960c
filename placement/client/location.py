"""The endpoint and token of the service."""

import os
import pathlib
import typing
from collections.abc import Mapping

from placement.client import errors

ENDPOINT_FILE = "endpoint"
TOKEN_FILE = "admin-token"
# A directory with a file for each one-time link to the console.
LINK_DIRECTORY = "console-links"


class Location(typing.NamedTuple):
    """The URL of a service, and a token for it."""

    endpoint: str
    token: str


def state_directory(environ: Mapping[str, str] = os.environ) -> pathlib.Path:
    """Return the state directory of a server, which may not exist.

    It is ``$PLACEMENT_STATE_DIR`` if set; otherwise ``/var/lib/placement`` for root,
    and ``$XDG_STATE_HOME/placement`` or ``~/.local/state/placement`` for other users.
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
    """Return the endpoint and token of the service.

    Each of them is the argument, or else ``PLACEMENT_ENDPOINT`` or ``PLACEMENT_TOKEN``,
    or else that in the state directory of the server on this machine. The token in the
    state directory is never sent to another endpoint.

    Raises ServerNotLocated when one of them is missing.
    """
    directory = state_directory(environ)
    stored_endpoint = _first_line(directory / ENDPOINT_FILE)
    endpoint = endpoint or environ.get("PLACEMENT_ENDPOINT") or stored_endpoint
    if not endpoint:
        raise errors.ServerNotLocated(
            f"No server found in {directory}. Start one with `placement serve`, wait "
            "for one with --wait, or set PLACEMENT_ENDPOINT or --endpoint."
        )
    token = token or environ.get("PLACEMENT_TOKEN")
    if not token and endpoint == stored_endpoint:
        token = _first_line(directory / TOKEN_FILE)
    if not token:
        raise errors.ServerNotLocated(
            f"No token for {endpoint}. Set PLACEMENT_TOKEN or --token."
        )
    return Location(endpoint, token)


def find_link_directory(
    endpoint: str, environ: Mapping[str, str] = os.environ
) -> pathlib.Path | None:
    """Return the directory for links of the server on this machine.

    None if that server has another endpoint, or accepts no links.
    """
    directory = state_directory(environ)
    if endpoint != _first_line(directory / ENDPOINT_FILE):
        return None
    links = directory / LINK_DIRECTORY
    return links if links.is_dir() else None


def _first_line(path: pathlib.Path) -> str | None:
    """Return the first line of a file, None if it is missing or empty."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return None
    except PermissionError as failure:
        raise errors.ServerNotLocated(
            f"{path} belongs to another user. Set PLACEMENT_ENDPOINT and "
            "PLACEMENT_TOKEN, or --endpoint and --token."
        ) from failure
    return lines[0].strip() or None if lines else None
