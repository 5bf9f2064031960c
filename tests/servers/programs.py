"""Run the programs of the service as an operator does."""

import os
import pathlib
import subprocess
import sys

SECONDS = 120
THIS = pathlib.Path(sys.executable)

_START = "import placement.wsgi; placement.wsgi.init_application()"


def environment(config_dir: pathlib.Path) -> dict[str, str]:
    """Return an environment with ``config_dir`` as configuration and home directory.

    gunicorn writes files into the home directory.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("OS_", "PLACEMENT_"))
    }
    return {**kept, "HOME": str(config_dir), "OS_PLACEMENT_CONFIG_DIR": str(config_dir)}


def migrate(config_dir: pathlib.Path, python: pathlib.Path = THIS) -> None:
    """Migrate the configured database to the newest schema with ``db sync``."""
    run(
        config_dir,
        python.with_name("placement-manage"),
        "--config-file",
        config_dir / "placement.conf",
        "db",
        "sync",
    )


def start_once(config_dir: pathlib.Path, python: pathlib.Path = THIS) -> None:
    """Build the application and exit, which inserts the standard names."""
    run(config_dir, python, "-c", _START)


def run(
    directory: pathlib.Path,
    *command: str | pathlib.Path,
    variables: dict[str, str] | None = None,
) -> str:
    """Run a program in ``directory`` with additional environment ``variables``.

    Returns its output. Raises RuntimeError with the output if it fails.
    """
    done = subprocess.run(
        command,
        # The current directory may have packages of the same names.
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
        raise RuntimeError(f"{words}: exit status {done.returncode}:\n{done.stdout}")
    return done.stdout
