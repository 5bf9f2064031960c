"""A root file system of its own, in which deployments have their real paths.

It is this machine's, with a layer for changes that is discarded at the end. It needs
the privileges of root, and no container engine.
"""

import collections.abc
import contextlib
import pathlib
import subprocess
import sys
import sysconfig
import tempfile
import typing

from tests.servers import accounts, programs

# Where the libraries of the tests are in a sandbox.
LIBRARIES = "/opt/libraries"

# The interpreter of the tests, if Debian's is another version.
_PYTHON = "/opt/python"
_DEBIAN = "/usr/bin/python3"
_VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"

# $1: an empty directory; $2: the libraries; $3: the prefix of Python, or empty.
# /tmp and /run are empty, and the account and the paths of the samples are missing, so
# that nothing of this machine is used by accident. Only root can write in these two.
_MOUNT = f"""
set -eu
mount -t tmpfs layers "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
cd "$1/root"
rm -rf etc/placement opt/placement var/lib/placement
sed -i '/^placement:/d' etc/passwd etc/shadow etc/group etc/gshadow
for name in tmp run; do mount -t tmpfs -o mode=0755 "$name" "$name"; done
for name in dev proc; do mount --rbind "/$name" "$name"; done
mkdir -p opt{LIBRARIES.removeprefix("/opt")}
mount --bind "$2" opt{LIBRARIES.removeprefix("/opt")}
if [ -n "$3" ]; then
    mkdir -p opt{_PYTHON.removeprefix("/opt")}
    mount --bind "$3" opt{_PYTHON.removeprefix("/opt")}
fi
echo mounted
exec sleep infinity
"""


class Place(typing.NamedTuple):
    """The user, the environment and the directory that a program runs with."""

    user: int = 0
    environment: collections.abc.Mapping[str, str] = {}
    directory: str = "/"


_OF_ROOT = Place()


class Sandbox:
    """Its root is ``path`` in the mount namespace of process ``pid``."""

    def __init__(self, pid: int, path: str, python: str) -> None:
        self._pid, self._path = pid, path
        # The Python of the image that a container file starts from.
        self.python = python

    def command(self, *words: str, place: Place = _OF_ROOT) -> list[str]:
        """Return the command that runs ``words`` inside.

        A program gets no variables but ``PATH``, ``PYTHONPATH`` and those of ``place``.
        """
        user = place.user
        variables = {
            "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
            "PYTHONPATH": LIBRARIES,
            **place.environment,
        }
        return [
            *("nsenter", f"--mount=/proc/{self._pid}/ns/mnt", "--wd=/"),
            *("chroot", f"--userspec={user}:{user}", "--groups=", self._path),
            *("env", "-i", f"--chdir={place.directory}"),
            *(f"{name}={value}" for name, value in variables.items()),
            *words,
        ]

    def run(self, *words: str, place: Place = _OF_ROOT, text: str = "") -> str:
        """Run a program with ``text`` as its input; return its output.

        Raises RuntimeError with the output if it fails.
        """
        done = subprocess.run(
            self.command(*words, place=place),
            input=text,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=programs.SECONDS,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(
                f"{' '.join(words)}: exit status {done.returncode}:\n{done.stdout}"
            )
        return done.stdout

    def write(self, path: str, text: str, mode: str = "0644", owner: int = 0) -> None:
        """Write a file, with its directories."""
        self.run("mkdir", "-p", str(pathlib.PurePosixPath(path).parent))
        install = ["install", f"--mode={mode}", f"--owner={owner}", f"--group={owner}"]
        self.run(*install, "/dev/stdin", path, text=text)

    def copy(self, source: pathlib.Path, path: str) -> None:
        """Copy a file or a directory of this machine to a path inside."""
        self.run("mkdir", "-p", str(pathlib.PurePosixPath(path).parent))
        enter = ["nsenter", f"--mount=/proc/{self._pid}/ns/mnt"]
        copy = ["cp", "--recursive", "--no-target-directory", str(source)]
        subprocess.run([*enter, *copy, f"{self._path}{path}"], check=True)

    def set_read_only(self, *writable: str) -> None:
        """Make all but /run, /tmp and ``writable`` read-only."""
        enter = ["nsenter", f"--mount=/proc/{self._pid}/ns/mnt"]
        for path in writable:
            inside = f"{self._path}{path}"
            subprocess.run([*enter, "mount", "--bind", inside, inside], check=True)
        read_only = ["mount", "-o", "remount,bind,ro", self._path]
        subprocess.run([*enter, *read_only], check=True)


@contextlib.contextmanager
def opened() -> collections.abc.Iterator[Sandbox]:
    """Yield a new sandbox, and discard it when the block ends.

    Raises MissingError if this machine does not allow it.
    """
    prefix, python = _python()
    libraries = sysconfig.get_path("purelib")
    with contextlib.ExitStack() as stack:
        made = stack.enter_context(
            tempfile.TemporaryDirectory(prefix="placement-sandbox-")
        )
        try:
            process = subprocess.Popen(
                [
                    *("unshare", "--mount", "sh", "-c", _MOUNT, "sh"),
                    *(made, libraries, prefix),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        except OSError as failure:
            raise accounts.MissingError(f"no sandbox: {failure}") from failure
        stack.enter_context(process)
        # The mounts end with the last process of the namespace.
        stack.callback(process.kill)
        assert process.stdout is not None
        assert process.stderr is not None
        if process.stdout.readline() != "mounted\n":
            reason = " ".join(process.stderr.read().split())
            raise accounts.MissingError(
                f"no sandbox, which needs the privileges of root: {reason}"
            )
        yield Sandbox(process.pid, f"{made}/root", python)


def _python() -> tuple[str, str]:
    """Return what to mount, and the path of Python inside."""
    if has_debian_python():
        return "", _DEBIAN
    if sys.base_prefix in ("/usr", "/usr/local"):
        return "", f"{sys.base_prefix}/bin/python{_VERSION}"
    return sys.base_prefix, f"{_PYTHON}/bin/python{_VERSION}"


def has_debian_python() -> bool:
    """Whether Debian's Python, which its servers load, has the version of the tests."""
    show = "import sys; print(*sys.version_info[:2], sep='.')"
    try:
        done = subprocess.run(
            [_DEBIAN, "-c", show], stdout=subprocess.PIPE, text=True, check=False
        )
    except OSError:
        return False
    return done.stdout.strip() == _VERSION
