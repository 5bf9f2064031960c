"""The installed distributions of Placement."""

import importlib.metadata

from placement import exception

NAME = "standalone-placement"

# It has the same package and the same commands.
_OTHER = "openstack-placement"


def require_sole() -> None:
    """Check that no other distribution has overwritten our files.

    Raises ConfigurationError when openstack-placement is installed as well.
    """
    try:
        importlib.metadata.distribution(_OTHER)
    except importlib.metadata.PackageNotFoundError:
        return
    raise exception.ConfigurationError(
        reason=f"{_OTHER} is installed in the same environment as {NAME}, and each "
        "overwrites files of the other. Uninstall both, then install the one to use: "
        f"pip uninstall {_OTHER} {NAME}"
    )
