"""The image of the container file, and the files of ``deploy`` at their real paths."""

import collections.abc
import contextlib
import os
import pathlib
import shutil
import typing

import pytest

from tests.functional.deployments import units
from tests.servers import accounts, containerfile, ports, sandbox, server
from tests.servers.plugin import skip_missing

ROOT = pathlib.Path(__file__).parents[3]
DEPLOY = ROOT / "deploy"
UNITS = sorted(DEPLOY.glob("systemd/*.service"))

# Debian's configuration of Apache, without what is not needed.
APACHE = """
ServerName localhost
PidFile /run/apache2.pid
Mutex file:/run
User www-data
Group www-data
ErrorLog /dev/stderr
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule wsgi_module /usr/lib/apache2/modules/mod_wsgi.so
GracefulShutdownTimeout 30
Include /etc/apache2/sites-available/placement.conf
"""
APACHE_CONFIGURATION = "/etc/apache2/tests.conf"

PRIVATE_TMP = "/run/private-tmp"

# Where a sample is installed, by its path in ``deploy``.
INSTALLED = {
    "gunicorn/gunicorn.conf.py": "/etc/placement/gunicorn.conf.py",
    "uwsgi/placement.ini": "/etc/placement/uwsgi.ini",
    "apache/placement.conf": "/etc/apache2/sites-available/placement.conf",
}


class Machine(typing.NamedTuple):
    """A sandbox with the image; servers listen on ``port`` instead of 8778."""

    sandbox: sandbox.Sandbox
    image: containerfile.Image
    port: int

    @property
    def url(self) -> str:
        return f"http://{ports.HOST}:{self.port}"

    def own_port(self, text: str) -> str:
        """Return ``text`` with the port of this machine, on the loopback interface."""
        text = text.replace("8778", str(self.port)).replace("0.0.0.0", ports.HOST)
        # Idle processes of uWSGI may take this long to end.
        return text.replace("worker-reload-mercy = 30", "worker-reload-mercy = 5")

    @contextlib.contextmanager
    def running(
        self, words: list[str], place: sandbox.Place, directory: pathlib.Path
    ) -> collections.abc.Iterator[int]:
        """Run a server until the block ends; yields its process id.

        Its log is in ``directory``.
        """
        command = self.sandbox.command(*map(self.own_port, words), place=place)
        with server.listening(command, directory, os.environ, self.url) as pid:
            yield pid

    def unit(self, path: pathlib.Path) -> units.Unit:
        """Read a unit, and make its directories as systemd does."""
        unit = units.read(path)
        user = 0 if unit.user is None else self.image.place.user
        # Nothing can be written in /tmp, unlike in that of PrivateTmp.
        private = (PRIVATE_TMP, "1777")
        for directory, mode in (private, *unit.directories):
            self.sandbox.run("rm", "-rf", directory)
            owner = [f"--owner={user}", f"--group={user}"]
            self.sandbox.run("install", "-d", f"--mode={mode}", *owner, directory)
        # An account without a home directory.
        of_systemd = {"HOME": "/nonexistent", "TMPDIR": PRIVATE_TMP}
        return unit._replace(environment=of_systemd | unit.environment)


@pytest.fixture(scope="package")
def machine(pytestconfig: pytest.Config) -> collections.abc.Iterator[Machine]:
    """The image, with a read-only root, and without a configuration."""
    with contextlib.ExitStack() as stack:
        try:
            opened = stack.enter_context(sandbox.opened())
        except accounts.MissingError as missing:
            skip_missing(pytestconfig, "deployments", str(missing))
        image = containerfile.build(opened, DEPLOY / "container/Containerfile", ROOT)
        made = Machine(opened, image, ports.free_port())
        for source, path in INSTALLED.items():
            opened.write(path, made.own_port((DEPLOY / source).read_text()))
        opened.write(APACHE_CONFIGURATION, APACHE)
        # The account of docs/deployment.md has no home directory.
        opened.run("usermod", "--home", "/nonexistent", "placement")
        # Debian's script that starts Apache makes it, for the sockets of mod_wsgi.
        opened.run("mkdir", "/run/apache2")
        opened.set_read_only("/var/lib", "/etc/placement")
        yield made


def require(config: pytest.Config, *programs: str) -> None:
    """Skip the test if a program is missing."""
    for name in programs:
        if shutil.which(name, path="/usr/bin:/usr/sbin:/bin:/sbin") is None:
            skip_missing(config, programs[0], f"no program {name} found")
