"""``/metrics/providers``: the cloud, under the names that dashboards already use.

The names of openstack-exporter and of os-capacity, and two of our own.
"""

import collections.abc
import typing

import flask
import sqlalchemy as sa

from placement.api.operation import Answer
from placement.candidates.capacity.model import Capacity
from placement.db import tables, transaction
from placement.objects import project_usage, provider_page, provider_state
from placement.objects.provider_page import ProviderDetails, Selection
from placement.policies import extension as extension_policy
from placement.web import capacity_requests, metrics, view

blueprint = flask.Blueprint("provider_metrics", __name__)

_TEXT = "text/plain"
_CONTENT_TYPE = f"{_TEXT}; version=0.0.4; charset=utf-8"

_PROVIDERS_PER_PAGE = 1000

# The name and the help text of each gauge, in their order.
GAUGES = {
    "openstack_placement_up": "Whether Placement answers.",
    "openstack_placement_resource_total": "Units of an inventory.",
    "openstack_placement_resource_reserved": "Units that are not for consumers.",
    "openstack_placement_resource_allocation_ratio": "The allocation ratio.",
    "openstack_placement_resource_usage": "Units that are allocated.",
    "openstack_placement_resource_generation": "The generation of the provider.",
    "openstack_placement_resource_provider_allocations": (
        "Units that a consumer holds; uuid is the consumer's."
    ),
    "openstack_hypervisor_placement_allocated": "Units that are allocated.",
    "openstack_hypervisor_placement_allocatable_capacity": (
        "Units that can be allocated in all."
    ),
    "openstack_project_usage": "Units that a project holds.",
    "openstack_free_capacity_by_flavor_total": (
        "How many more consumers of a request fit, at least."
    ),
    "openstack_free_capacity_hypervisor_by_flavor": (
        "How many more consumers of a request fit on a root provider, at least."
    ),
    "placement_provider_over_capacity": (
        "Units that are allocated beyond the capacity."
    ),
    "placement_provider_state": "The state of a provider; always 1.",
}
_PREFIX = "openstack_placement_resource_"

_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


@view.operation(
    blueprint,
    f"GET {metrics.PROVIDERS_PATH}",
    Answer(200, media_types=(_TEXT,)),
    rule=extension_policy.READ,
    authorized=metrics.authorize,
)
def show_provider_metrics() -> flask.Response:
    """Show inventories, usage and capacity of all providers, from one snapshot.

    Access is that of ``/metrics``. With ``[metrics] allocations`` every allocation is
    shown, too; with ``[metrics] capacity_requests`` how many more consumers of each
    request fit.
    """
    context = view.context()
    include = {provider_page.INVENTORIES}
    if context.settings.metrics.allocations:
        include.add(provider_page.ALLOCATIONS)
    everything = Selection(sa.select(tables.resource_providers.c.id))

    def read(conn: sa.Connection) -> list[bytes]:
        names = context.names
        pages = provider_page.each_page(
            conn, names, everything, include, _PROVIDERS_PER_PAGE
        )
        lines = _Lines()
        for page in pages:
            for provider in page:
                lines.add_provider(provider)
            lines.encode()
        lines.add_projects(project_usage.get_all(conn, names))
        for name, capacity in capacity_requests.count(conn, context).items():
            lines.add_capacity(name, capacity)
            lines.encode()
        return lines.pieces()

    # Not joined, because they are long.
    return flask.Response(transaction.read(context, read), content_type=_CONTENT_TYPE)


class _Lines:
    """The lines of each gauge, which belong together in the format.

    ``encode`` makes one piece of the lines of each gauge. Hundreds of thousands of
    strings would make collections of garbage long, in which other threads wait.
    """

    def __init__(self) -> None:
        self._pieces: dict[str, list[bytes]] = {name: [] for name in GAUGES}
        # Labels and values, without the name of the gauge.
        self._lines: dict[str, list[str]] = {name: [] for name in GAUGES}
        self._lines["openstack_placement_up"].append(" 1")

    def encode(self) -> None:
        for name, lines in self._lines.items():
            if lines:
                text = f"\n{name}".join(lines)
                self._pieces[name].append(f"{name}{text}\n".encode())
                lines.clear()

    def pieces(self) -> list[bytes]:
        """Return the text in pieces."""
        self.encode()
        found: list[bytes] = []
        for name, text in GAUGES.items():
            if self._pieces[name]:
                found.append(f"# HELP {name} {text}\n# TYPE {name} gauge\n".encode())
                found += self._pieces[name]
        return found

    def add_provider(self, provider: ProviderDetails) -> None:
        name = _escaped(provider.name)
        own = f'hostname="{name}",uuid="{provider.uuid}"'
        for resource_class, offer in provider.inventories.items():
            self._add_inventory(name, own, provider.generation, resource_class, offer)
        for consumer, amounts in provider.allocations.items():
            of_consumer = f'hostname="{name}",uuid="{_escaped(consumer)}"'
            for resource_class, amount in amounts.items():
                self._add(
                    f"{_PREFIX}provider_allocations",
                    f'{of_consumer},resourcetype="{resource_class}"',
                    amount,
                )
        state = provider_state.name_of(provider.state)
        self._add("placement_provider_state", f'{own},state="{state}"', 1)

    def add_projects(
        self, usages: collections.abc.Iterable[tuple[str, str, int]]
    ) -> None:
        for project, resource_class, units in usages:
            self._add(
                "openstack_project_usage",
                f'project_id="{_escaped(project)}",project_name="",'
                f'placement_resource="{resource_class}"',
                units,
            )

    def add_capacity(self, request: str, capacity: Capacity) -> None:
        """Add the counts of a request; Placement does not know the other labels."""
        flavor = f'flavor_name="{_escaped(request)}"'
        self._add(
            "openstack_free_capacity_by_flavor_total",
            f'{flavor},public=""',
            capacity.count.at_least,
        )
        rest = f'{flavor},az_aggregate="",project_aggregate=""'
        for host in capacity.hosts or ():
            self._add(
                "openstack_free_capacity_hypervisor_by_flavor",
                f'hypervisor="{_escaped(host.name)}",{rest}',
                host.fits,
            )

    def _add_inventory(
        self,
        name: str,
        own: str,
        generation: int,
        resource_class: str,
        offer: dict[str, typing.Any],
    ) -> None:
        lines = self._lines
        used, capacity = offer["used"], offer["capacity"]
        labels = f'{{hostname="{name}",resourcetype="{resource_class}"}} '
        lines[f"{_PREFIX}total"].append(f"{labels}{offer['total']}")
        lines[f"{_PREFIX}reserved"].append(f"{labels}{offer['reserved']}")
        lines[f"{_PREFIX}allocation_ratio"].append(
            f"{labels}{offer['allocation_ratio']}"
        )
        lines[f"{_PREFIX}usage"].append(f"{labels}{used}")
        lines[f"{_PREFIX}generation"].append(f"{labels}{generation}")
        labels = f'{{hypervisor="{name}",resource="{resource_class}"}} '
        lines["openstack_hypervisor_placement_allocated"].append(f"{labels}{used}")
        lines["openstack_hypervisor_placement_allocatable_capacity"].append(
            f"{labels}{capacity}"
        )
        over = max(0, used - capacity)
        lines["placement_provider_over_capacity"].append(
            f'{{{own},resourcetype="{resource_class}"}} {over}'
        )

    def _add(self, name: str, labels: str, value: float) -> None:
        self._lines[name].append(f"{{{labels}}} {value}")


def _escaped(value: str) -> str:
    return value.translate(_ESCAPES)
