"""Contended placing: clients that hold, confirm, extend, let expire, delete and claim.

They place consumers in groups, within limits of their projects, on hosts that have
room for a few of them. Most holds are made to expire while clients use them.
``python -m tests.stress.contended_holds --database postgresql`` makes 1,000,000
decisions.
"""

import collections
import collections.abc
import contextlib
import dataclasses
import signal
import sys
import time
import typing

import click
import sqlalchemy as sa

from placement import sweeper
from placement.db import engine as engines
from placement.db import revision, tables
from tests.functional import invariants
from tests.functional.db import contexts
from tests.stress import background, capacity_monitor, client_processes, contention
from tests.stress.client_processes import Send
from tests.stress.holding_clients import GROUPS, HOSTS, LIMITS, UNITS, Client, Report

CLIENTS = 16

SWEEP_SECONDS = 1.0
EXPIRY_SECONDS = 0.3

# How late a hold may be released: a sweep may be under way when it expires.
LATE_SECONDS = 10 * SWEEP_SECONDS


class Watcher(background.Repeated):
    """Sweeps, makes holds expire, and checks groups, limits and late holds.

    A sweep that fails ends it, which is a violation.
    """

    pause_seconds = EXPIRY_SECONDS

    def __init__(self, context: typing.Any) -> None:
        super().__init__()
        self._database: sa.Engine = context.engine
        self._context = context
        self._swept = time.monotonic()
        self.expired = 0
        self.snapshots = 0

    def step(self) -> None:
        self._expire()
        with self._database.connect() as conn:
            self.violations += wrong_rows(conn)
        self.snapshots += 1
        if time.monotonic() - self._swept > SWEEP_SECONDS:
            for task in sweeper.TASKS:
                task(self._context)
            self._swept = time.monotonic()

    def _expire(self) -> None:
        """Let every third hold expire within the next moments."""
        moment = revision.clock() + sa.literal(
            int(EXPIRY_SECONDS * 500_000), sa.BigInteger
        )
        holds = tables.holds
        with engines.for_writing(self._database.connect()) as conn:
            expired = conn.execute(
                sa.update(holds)
                .where(
                    holds.c.consumer_id % 3 == self.snapshots % 3,
                    holds.c.expires_at > moment,
                )
                .values(expires_at=moment)
            )
            conn.commit()
        self.expired += expired.rowcount


_MEMBERS = sa.text("""
    SELECT g.name, g.project_id, p.root_provider_id, COUNT(DISTINCT m.consumer_id)
    FROM placement_group_members m
    JOIN placement_groups g ON g.id = m.group_id
    JOIN consumers c ON c.id = m.consumer_id
    JOIN allocations a ON a.consumer_id = c.uuid
    JOIN resource_providers p ON p.id = a.resource_provider_id
    GROUP BY g.project_id, g.name, p.root_provider_id
""")
_LIMITED = sa.text("""
    SELECT COALESCE(SUM(a.used), 0), COUNT(DISTINCT a.consumer_id)
    FROM allocations a JOIN consumers c ON c.uuid = a.consumer_id
    JOIN projects p ON p.id = c.project_id WHERE p.external_id = 'limited'
""")
_OLDEST = sa.select(revision.clock() - sa.func.min(tables.holds.c.expires_at))


def wrong_rows(conn: sa.Connection) -> list[str]:
    """Return a sentence for each group, limit and time that is exceeded."""
    wrong = []
    hosts: collections.Counter[tuple[str, str]] = collections.Counter()
    rules = {name: (policy, most) for name, policy, most in GROUPS}
    for name, project, host, count in conn.execute(_MEMBERS):
        policy, most = rules[name]
        hosts[name, project] += 1
        if policy == "anti-affinity" and count > most:
            wrong.append(f"{count} members of {name} are on host {host}")
        if policy == "affinity" and hosts[name, project] > 1:
            wrong.append(f"members of {name} are on several hosts")
    units, consumers = conn.execute(_LIMITED).one()
    if units > LIMITS["VCPU"] or consumers > LIMITS["consumers"]:
        wrong.append(f"the limited project holds {units} with {consumers} consumers")
    late = conn.scalar(_OLDEST)
    if late is not None and late > LATE_SECONDS * 1_000_000:
        wrong.append(f"a hold exists {late / 1e6:.1f} seconds after it has expired")
    return wrong


@dataclasses.dataclass
class Figures:
    """The counts of a run; ``violations`` has a sentence for each."""

    outcomes: "collections.Counter[str]" = dataclasses.field(
        default_factory=collections.Counter
    )
    seconds: float = 0
    expired: int = 0
    snapshots: int = 0
    full: int = 0
    conflicts: int = 0
    violations: list[str] = dataclasses.field(default_factory=list)


def run(
    services: collections.abc.Sequence[client_processes.Service],
    url: str,
    decisions: int,
    seed: int,
) -> Figures:
    """Make ``decisions`` decisions on a new database at ``url``."""
    figures = Figures()
    with contextlib.ExitStack() as stack:
        context = stack.enter_context(contexts.context(url))
        database = context.engine
        processes = stack.enter_context(client_processes.shared(services, CLIENTS))
        processes.run([_create])
        capacity_monitor.install_triggers(database)
        monitor = capacity_monitor.Monitor([database], [])
        measured = client_processes.measured(processes, figures)
        with measured, monitor, Watcher(context) as watcher:
            clients = [
                Client(number, seed, -(-decisions // CLIENTS))
                for number in range(CLIENTS)
            ]
            reports: list[Report] = processes.run(clients)
        figures.violations += capacity_monitor.recorded_violations(database)
    for report in reports:
        figures.outcomes += report.outcomes
        figures.violations += report.violations
    figures.expired, figures.snapshots = watcher.expired, watcher.snapshots
    figures.full = len(monitor.full)
    figures.violations += [*watcher.violations, *monitor.violations]
    figures.violations += invariants.violations(url)
    return figures


def _create(send: Send) -> None:
    body = {"resource_provider_generation": 0}
    body |= {"inventories": {"VCPU": {"total": UNITS}}}
    for host in HOSTS:
        send("POST", "/resource_providers", {"uuid": host, "name": host}).document()
        send("PUT", f"/resource_providers/{host}/inventories", body).document()
    send("PUT", "/-/v1/limits/limited", LIMITS).document()


@click.command()
@click.option("--database", "kind", type=click.Choice(contention.KINDS), required=True)
@click.option("--decisions", default=1_000_000, show_default=True)
@click.option("--seed", default=1, show_default=True)
def main(kind: str, decisions: int, seed: int) -> None:
    """Make clients hold and claim more than there is, while holds expire."""
    # Started servers are then also stopped when this process is terminated.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with contention.database(kind) as urls:
        services = contention.in_process_services(urls)
        figures = run(services, urls[0], decisions, seed)
    print(
        f"{kind}, seed {seed}: {figures.outcomes.total()} decisions in "
        f"{figures.seconds:.0f} seconds; {figures.expired} holds were made to expire; "
        f"{figures.snapshots} snapshots; {figures.full} hosts were full in one; "
        f"{figures.conflicts} transactions retried"
    )
    for outcome, count in sorted(figures.outcomes.items()):
        print(f"  {count} {outcome}")
    print(f"{len(figures.violations)} violations", *figures.violations, sep="\n")
    sys.exit(bool(figures.violations))


if __name__ == "__main__":
    main()
