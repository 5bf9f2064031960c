"""The existing service, from PyPI: where it is installed."""

import os
import pathlib

from tests.servers import virtualenvs

# Says where it is installed; otherwise it is installed and kept.
VARIABLE = "PLACEMENT_PEER_VENV"
REQUIREMENTS = pathlib.Path(__file__).with_name("peer-requirements.txt")


def python() -> pathlib.Path:
    """Return the Python of a virtual environment that has it, and gunicorn.

    Raises virtualenvs.MissingError when there is none and none can be made.
    """
    given = os.environ.get(VARIABLE)
    if given:
        return pathlib.Path(given) / "bin" / "python"
    return virtualenvs.installed("openstack-placement", REQUIREMENTS)
