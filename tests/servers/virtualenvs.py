"""Install programs that tests run, each in a virtual environment of its own.

Virtual environments are created from pinned requirements and cached in the user's
cache directory.
"""

import fcntl
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys

INSTALL_SECONDS = 900


class MissingError(Exception):
    """The program is not installed and cannot be."""


def installed(package: str, requirements: pathlib.Path) -> pathlib.Path:
    """Return the Python of a virtual environment with ``package``.

    There is one virtual environment per content of ``requirements``.

    Raises MissingError if it cannot be created.
    """
    pins = requirements.read_text()
    wanted = hashlib.sha256(pins.encode()).hexdigest()
    version = "{}.{}".format(*sys.version_info)
    name = f"{package}-{_release(package, pins)}-python{version}-{wanted[:8]}"
    directory = _cache() / name
    python = directory / "bin" / "python"
    complete = directory / "complete"
    directory.parent.mkdir(parents=True, exist_ok=True)
    with open(directory.with_name(f"{name}.lock"), "w") as lock:
        # One of several concurrent runs creates it; the others wait.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not complete.exists():
            shutil.rmtree(directory, ignore_errors=True)
            # Neither installing pip nor compiling what is never imported, for speed.
            _run(package, sys.executable, "-m", "venv", "--without-pip", directory)
            pip = (sys.executable, "-m", "pip", "--python", python)
            _run(package, *pip, "install", "--no-compile", "-r", requirements)
            complete.touch()
    return python


def _cache() -> pathlib.Path:
    given = os.environ.get("XDG_CACHE_HOME")
    home = pathlib.Path(given) if given else pathlib.Path.home() / ".cache"
    return home / "placement-tests"


def _release(package: str, pins: str) -> str:
    lines = (line.partition("==") for line in pins.splitlines())
    return next(version for name, _, version in lines if name == package)


def _run(package: str, *command: str | pathlib.Path) -> None:
    try:
        done = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=INSTALL_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as failure:
        raise MissingError(f"{package} cannot be installed: {failure}") from failure
    if done.returncode:
        last = " ".join(done.stdout.split()[-40:])
        raise MissingError(f"{package} cannot be installed: {last}")
