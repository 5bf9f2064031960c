"""Run both services under gunicorn, each on its own database, with equal options."""

import collections.abc
import contextlib
import os
import pathlib
import shutil
import tempfile

from benchmarks import services, stage
from tests.servers import configuration, databases, postgresql, programs, server

# Says where the peer is installed; otherwise it is installed and kept.
PEER_VARIABLE = "PLACEMENT_PEER_VENV"
OPTIONS = {"oslo_policy": {"enforce_new_defaults": "false"}}
THREADS = 4

# The kinds of database that the compared services run on.
KINDS = (databases.SQLITE, databases.POSTGRESQL)


def peer() -> services.Service:
    """Return the Python of the peer: of a given virtual environment or a cached one."""
    given = os.environ.get(PEER_VARIABLE)
    if given:
        return services.Service("peer", pathlib.Path(given) / "bin" / "python")
    return services.peer()


@contextlib.contextmanager
def running(
    peer: services.Service, other: services.Service, kind: str
) -> collections.abc.Iterator[tuple[str, str]]:
    """Yield the URLs of both, each on a database of ``kind`` without providers.

    The other one adopts a copy of the database that the peer has made: standard
    names have the same ids in both, by which some answers are ordered. One process
    each, so that neither can disagree with itself.
    """
    with (
        _databases_of(peer, other, kind) as (peer_database, other_database),
        _serving(peer, peer_database) as peer_url,
        _serving(other, other_database) as other_url,
    ):
        yield peer_url, other_url


@contextlib.contextmanager
def _databases_of(
    peer: services.Service, other: services.Service, kind: str
) -> collections.abc.Iterator[tuple[str, str]]:
    """Yield the URLs of a database of the peer and of the copy that is adopted."""
    with _empty_and_copy(kind) as (empty, copy):
        stage.prepare(peer, empty)
        copied = copy()
        with tempfile.TemporaryDirectory() as made:
            configuration.write(pathlib.Path(made), copied)
            programs.migrate(pathlib.Path(made), other.python)
        yield empty, copied


@contextlib.contextmanager
def _empty_and_copy(
    kind: str,
) -> collections.abc.Iterator[tuple[str, collections.abc.Callable[[], str]]]:
    """Yield the URL of an empty database, and a function that copies it."""
    if kind == databases.SQLITE:
        with tempfile.TemporaryDirectory(prefix="placement-compare-") as made:
            peer, other = pathlib.Path(made) / "peer.db", pathlib.Path(made) / "ours.db"
            yield f"sqlite:///{peer}", lambda: f"sqlite:///{shutil.copy(peer, other)}"
    else:
        with postgresql.running() as cluster:
            cluster.execute("CREATE DATABASE peer")

            def copy() -> str:
                cluster.execute("CREATE DATABASE ours TEMPLATE peer")
                return cluster.url("ours")

            yield cluster.url("peer"), copy


@contextlib.contextmanager
def _serving(service: services.Service, database: str) -> collections.abc.Iterator[str]:
    """Run a service until the block ends; yield its URL."""
    with server.processes(
        database, workers=1, threads=THREADS, options=OPTIONS, python=service.python
    ) as listening:
        yield listening.url
