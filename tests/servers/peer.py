"""Install the existing service from PyPI."""

import os
import pathlib

from tests.servers import virtualenvs

# An existing virtual environment to use instead of a cached one.
VARIABLE = "PLACEMENT_PEER_VENV"
REQUIREMENTS = pathlib.Path(__file__).with_name("peer-requirements.txt")


def python() -> pathlib.Path:
    """Return the Python of a virtual environment with the service and gunicorn.

    Raises virtualenvs.MissingError if it cannot be created.
    """
    given = os.environ.get(VARIABLE)
    if given:
        return pathlib.Path(given) / "bin" / "python"
    return virtualenvs.installed("openstack-placement", REQUIREMENTS)
