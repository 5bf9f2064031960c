"""The browser of this machine."""

import shutil

# The names of Chromium's program.
_CHROMIUM = ("chromium", "chromium-browser", "google-chrome")


def chromium() -> str | None:
    """Return the path of Chromium as Debian has it; None if there is none."""
    return next(filter(None, map(shutil.which, _CHROMIUM)), None)
