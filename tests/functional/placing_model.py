"""A simple model of hosts and their consumers, to compare the service with."""

import collections.abc
import dataclasses
import itertools
import typing

from placement.client import (
    CapacityExceeded,
    Conflict,
    LimitExceeded,
    NoCandidate,
    ProviderNotInService,
)

APART, TOGETHER = "anti-affinity", "affinity"


class Held(typing.NamedTuple):
    """What a consumer holds: units of one host, as a member of a group or of none."""

    host: str
    units: int
    project: str
    group: str | None = None
    is_hold: bool = False


@dataclasses.dataclass
class World:
    """Hosts of one class; ``capacities`` are units, ``limits`` units by project."""

    capacities: dict[str, int] = dataclasses.field(default_factory=dict)
    cordoned: set[str] = dataclasses.field(default_factory=set)
    limits: dict[str, int] = dataclasses.field(default_factory=dict)
    held: dict[str, Held] = dataclasses.field(default_factory=dict)

    def used(self, host: str) -> int:
        return sum(each.units for each in self.held.values() if each.host == host)

    def used_by(self, project: str) -> int:
        return sum(each.units for each in self.held.values() if each.project == project)

    def refusals_of_claim(self, consumer: str, wanted: Held) -> set[type[Conflict]]:
        """Return the reasons why a claim that replaces what it holds fails."""
        before = self.held.get(consumer)
        here = before.units if before and before.host == wanted.host else 0
        grows = wanted.units > here
        others = self.used(wanted.host) - here
        reasons: set[type[Conflict]] = set()
        if grows and others + wanted.units > self.capacities[wanted.host]:
            reasons.add(CapacityExceeded)
        if grows and wanted.host in self.cordoned:
            reasons.add(ProviderNotInService)
        if self._exceeds_limit(wanted.project, wanted.units, consumer):
            reasons.add(LimitExceeded)
        return reasons

    def refusals_of_placing(self, wanted: Held, count: int) -> set[type[Conflict]]:
        """Return the reasons why ``count`` new consumers cannot be placed.

        The host of ``wanted`` is ignored. Tries all combinations of hosts.
        """
        reasons: set[type[Conflict]] = set()
        if self._exceeds_limit(wanted.project, wanted.units * count):
            reasons.add(LimitExceeded)
        combinations = itertools.combinations_with_replacement(self.capacities, count)
        if not any(self.can_place(wanted, hosts) for hosts in combinations):
            reasons.add(NoCandidate)
        return reasons

    def can_place(self, wanted: Held, hosts: collections.abc.Sequence[str]) -> bool:
        """Return whether the hosts can take a new consumer each; limits are ignored."""
        return all(
            host not in self.cordoned
            and self.used(host) + wanted.units * hosts.count(host)
            <= self.capacities[host]
            for host in hosts
        ) and self._allows(wanted, hosts)

    def _allows(self, wanted: Held, hosts: collections.abc.Sequence[str]) -> bool:
        present = [
            each.host
            for each in self.held.values()
            if (each.group, each.project) == (wanted.group, wanted.project)
        ]
        all_hosts = [*present, *hosts]
        if wanted.group == APART:
            return len(set(all_hosts)) == len(all_hosts)
        return wanted.group is None or len(set(all_hosts)) == 1

    def _exceeds_limit(
        self, project: str, units: int, consumer: str | None = None
    ) -> bool:
        """Return whether a project would hold more than before, and than its limit."""
        limit = self.limits.get(project)
        if limit is None:
            return False
        before = self.used_by(project)
        replaced = self.held.get(consumer) if consumer else None
        if replaced is not None and replaced.project == project:
            units -= replaced.units
        return units > 0 and before + units > limit
