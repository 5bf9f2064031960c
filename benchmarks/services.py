"""The services to compare, and their Python interpreters."""

import os
import pathlib
import subprocess
import sys
import typing
import venv

from tests.servers import configuration

PEER_VERSION = "16.0.0"
_PEER_PACKAGES = [
    f"openstack-placement=={PEER_VERSION}",
    "gunicorn",
    "psycopg2-binary",
    "PyMySQL",
]

# The settings that the peer's documentation advises for wide trees.
_TUNED: configuration.Options = {
    "workarounds": {"optimize_for_wide_provider_trees": "true"},
    "placement": {
        "max_allocation_candidates": 1000,
        "allocation_candidates_generation_strategy": "breadth-first",
    },
}


class Service(typing.NamedTuple):
    """A service to compare; ``python`` is the interpreter of its virtual environment.

    ``options`` go into its ``placement.conf``. ``keeps_used`` is true if the service
    stores the sums of the allocations in its database.
    """

    name: str
    python: pathlib.Path
    options: configuration.Options = {}
    keeps_used: bool = False


def ours() -> Service:
    """Return the service of this checkout, with the current interpreter."""
    return Service("ours", pathlib.Path(sys.executable), keeps_used=True)


def peer() -> Service:
    """Return the existing service, from PyPI, in its own virtual environment.

    The environment is created once, in the user's cache directory.
    """
    directory = _cache() / f"peer-{PEER_VERSION}-{sys.version_info.minor}"
    python = directory / "bin" / "python"
    finished = directory / "finished"
    wanted = " ".join(_PEER_PACKAGES)
    if not finished.exists() or finished.read_text() != wanted:
        print(f"Installing the peer into {directory}", file=sys.stderr)
        venv.create(directory, with_pip=True, clear=True)
        subprocess.run(
            [python, "-m", "pip", "install", "--quiet", *_PEER_PACKAGES],
            check=True,
            cwd=directory,
        )
        finished.write_text(wanted)
    return Service("peer", python)


def tuned_peer() -> Service:
    """Return the existing service, configured as its documentation advises."""
    return peer()._replace(name="peer tuned", options=_TUNED)


def _cache() -> pathlib.Path:
    home = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(home) / "placement-benchmarks"
