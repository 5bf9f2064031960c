"""Run a private Galera cluster: MariaDB servers with synchronous replication."""

import collections.abc
import contextlib
import os
import pathlib
import typing

import pymysql

from tests import waiting
from tests.servers import accounts, mariadb, ports, process, startup

NODES = 3
SYNC_SECONDS = 120

_LIBRARIES = (
    "/usr/lib/galera/libgalera_smm.so",
    "/usr/lib64/galera-4/libgalera_smm.so",
)


class _Ports(typing.NamedTuple):
    """The ports of a node; IST and SST are incremental and full state transfers."""

    clients: int
    group: int
    ist: int
    sst: int


class Cluster:
    """A multi-master cluster: every node has all data and accepts writes."""

    def __init__(self, nodes: list[mariadb.Server]) -> None:
        self.nodes = nodes

    def urls(self, database: str) -> list[str]:
        return [node.url(database) for node in self.nodes]

    def kill(self, number: int) -> None:
        """Kill a node, and wait until the others are ready without it."""
        self.nodes[number].kill()
        for node in self.nodes[:number] + self.nodes[number + 1 :]:
            _wait_for(node, "wsrep_cluster_size", str(len(self.nodes) - 1))
            _wait_for(node, "wsrep_ready", "ON")

    @contextlib.contextmanager
    def cut_off(self, number: int) -> collections.abc.Iterator[None]:
        """Isolate a node until the block ends, then wait until it is synced."""
        node = self.nodes[number]
        node.execute("SET GLOBAL wsrep_provider_options = 'gmcast.isolate=1'")
        try:
            _wait_for(node, "wsrep_ready", "OFF")
            yield
        finally:
            node.execute("SET GLOBAL wsrep_provider_options = 'gmcast.isolate=0'")
            wait_until_synced(node, len(self.nodes))

    def rejoin(self, number: int) -> None:
        """Start a node again, and wait until it is synced."""
        self.nodes[number].start_again()
        wait_until_synced(self.nodes[number], len(self.nodes))


def library() -> pathlib.Path:
    """Return the path of the wsrep provider library.

    Raises MissingError if it or the programs of state transfers are missing.
    """
    for program in ("wsrep_sst_rsync", "rsync"):
        process.found(program)
    for name in _LIBRARIES:
        if os.path.exists(name):
            return pathlib.Path(name)
    raise accounts.MissingError("no Galera library found")


@startup.repeated
@contextlib.contextmanager
def running() -> collections.abc.Iterator[Cluster]:
    """Run a new cluster until the block ends, and remove it.

    Raises MissingError if its programs are missing, RuntimeError if they fail.
    """
    provider = library()
    account = accounts.for_server("mysql")
    places = [_Ports(*(ports.free_port() for _ in range(4))) for _ in range(NODES)]
    with process.directory("galera") as directory, contextlib.ExitStack() as stack:
        # Only the directories in it belong to the account of the servers.
        directory.chmod(0o755)
        nodes: list[mariadb.Server] = []
        for number, place in enumerate(places):
            own = directory / f"node-{number}"
            (own / "data").mkdir(parents=True)
            accounts.give(own, account)
            # The other nodes copy the data of the first when they join.
            if not nodes:
                mariadb.initialise(own, account)
            options = _options(place, places if nodes else [], provider)
            nodes.append(mariadb.start(own, account, place.clients, options))
            stack.callback(nodes[-1].kill)
            nodes[-1].wait_until_ready()
            wait_until_synced(nodes[-1], number + 1)
        yield Cluster(nodes)


def wait_until_synced(node: mariadb.Server, size: int) -> None:
    """Wait until the node is synced with a cluster of ``size`` nodes.

    Raises EndedError if the node has ended, RuntimeError after two minutes.
    """
    _wait_for(node, "wsrep_cluster_size", str(size))
    _wait_for(node, "wsrep_local_state_comment", "Synced")


def status(node: mariadb.Server, name: str) -> str:
    """Return a status variable of the node."""
    ((_, value),) = node.rows(f"SHOW STATUS LIKE '{name}'")
    return str(value)


def _wait_for(node: mariadb.Server, name: str, wanted: str) -> None:
    found = "unknown"

    def is_reached() -> bool:
        nonlocal found
        node.require_running()
        # A node that joins a cluster may close its connections.
        with contextlib.suppress(pymysql.OperationalError):
            found = status(node, name)
        return found == wanted

    waiting.until(
        is_reached, lambda: f"{name} is {found} instead of {wanted}", SYNC_SECONDS
    )


def _options(
    place: _Ports, others: collections.abc.Sequence[_Ports], provider: pathlib.Path
) -> mariadb.Options:
    """Return the options of a node that joins ``others``; the first joins none."""
    members = ",".join(f"{ports.HOST}:{other.group}" for other in others)
    provider_options = {
        "base_host": ports.HOST,
        "base_port": place.group,
        "gmcast.listen_addr": f"tcp://{ports.HOST}:{place.group}",
        "ist.recv_addr": f"{ports.HOST}:{place.ist}",
        "gcache.size": "32M",
    }
    return {
        **mariadb.FAST,
        "binlog-format": "ROW",
        "innodb-autoinc-lock-mode": 2,
        "wsrep-on": "ON",
        "wsrep-provider": provider,
        "wsrep-provider-options": ";".join(
            f"{name}={value}" for name, value in provider_options.items()
        ),
        "wsrep-cluster-name": "placement",
        "wsrep-cluster-address": f"gcomm://{members}",
        "wsrep-node-address": ports.HOST,
        "wsrep-node-name": f"node-{place.clients}",
        "wsrep-sst-method": "rsync",
        "wsrep-sst-receive-address": f"{ports.HOST}:{place.sst}",
        "wsrep-slave-threads": 2,
    }
