"""What is asked of a capacity count, and its result."""

import dataclasses
import typing

# The number of hosts that are listed by default.
HOSTS_DEFAULT = 5


class Bounds(typing.NamedTuple):
    """The bounds of a count. It is exact if they are equal."""

    at_least: int
    at_most: int

    @property
    def is_exact(self) -> bool:
        return self.at_least == self.at_most


NONE_FIT = Bounds(0, 0)


@dataclasses.dataclass(frozen=True, slots=True)
class Options:
    """What is counted, and what is shown of it.

    ``is_empty_state``: count as if nothing was allocated. ``without`` are the uuids of
    roots whose trees are left out. ``by_traits`` are names of traits. ``hosts`` is the
    number of hosts to list; None: all that have the classes, traits and aggregates, and
    whose unit rules allow the amounts, even if none fits now.
    """

    by_aggregate: bool = False
    by_traits: tuple[str, ...] = ()
    is_empty_state: bool = False
    without: frozenset[str] = frozenset()
    hosts: int | None = HOSTS_DEFAULT


@dataclasses.dataclass(frozen=True, slots=True)
class Roots:
    """The number of roots that could serve a request if they were empty, and can now.

    ``empty`` are those of ``fitting`` that have nothing allocated in their tree.
    """

    eligible: int = 0
    fitting: int = 0
    empty: int = 0


class Stranded(typing.NamedTuple):
    """Free units of a class that another class makes unusable.

    ``free`` are all free units of the class.
    """

    units: int
    free: int


class HostCount(typing.NamedTuple):
    """How many consumers fit on one host, at least."""

    root_uuid: str
    name: str
    fits: int


@dataclasses.dataclass(slots=True)
class Capacity:
    """How many consumers of one request fit.

    ``bottleneck``, ``stranded`` and ``largest`` are by the name of a resource class,
    ``by_aggregate`` by uuid; ``by_trait`` has the counts of the trees with a trait, and
    of those without. ``hosts`` is None if hosts share providers. Unless ``is_complete``
    the time was used up: bounds are right, and ``roots`` were not all looked at.
    """

    count: Bounds = NONE_FIT
    when_empty: Bounds = NONE_FIT
    roots: Roots = dataclasses.field(default_factory=Roots)
    bottleneck: dict[str, int] = dataclasses.field(default_factory=dict)
    stranded: dict[str, Stranded] = dataclasses.field(default_factory=dict)
    largest: dict[str, int] = dataclasses.field(default_factory=dict)
    by_aggregate: dict[str, Bounds] = dataclasses.field(default_factory=dict)
    by_trait: dict[str, tuple[Bounds, Bounds]] = dataclasses.field(default_factory=dict)
    hosts: list[HostCount] | None = None
    is_complete: bool = True
