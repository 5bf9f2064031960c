"""The service's own programs, run as an operator runs them."""

import os
import pathlib
import subprocess
import sys

SECONDS = 120
THIS = pathlib.Path(sys.executable)

_START = "import placement.wsgi; placement.wsgi.init_application()"


def environment(config_dir: pathlib.Path) -> dict[str, str]:
    """Return an environment in which the service finds ``config_dir``.

    The home directory is that one too: gunicorn keeps files there.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("OS_", "PLACEMENT_"))
    }
    return {**kept, "HOME": str(config_dir), "OS_PLACEMENT_CONFIG_DIR": str(config_dir)}


def migrate(config_dir: pathlib.Path, python: pathlib.Path = THIS) -> None:
    """Bring the configured database to the newest schema: ``db sync``."""
    run(
        config_dir,
        python.with_name("placement-manage"),
        "--config-file",
        config_dir / "placement.conf",
        "db",
        "sync",
    )


def start_once(config_dir: pathlib.Path, python: pathlib.Path = THIS) -> None:
    """Build the application and leave, which puts the standard names in."""
    run(config_dir, python, "-c", _START)


def run(
    directory: pathlib.Path,
    *command: str | pathlib.Path,
    variables: dict[str, str] | None = None,
) -> str:
    """Run a program in ``directory`` to its end, with ``variables`` set beside.

    Returns what it says. Raises RuntimeError with the program's words when it fails.
    """
    done = subprocess.run(
        command,
        # Elsewhere than here, where packages of the same names may lie.
        cwd=directory,
        env=environment(directory) | (variables or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    if done.returncode:
        words = " ".join(str(word) for word in command)
        raise RuntimeError(f"{words} ended with {done.returncode}:\n{done.stdout}")
    return done.stdout
