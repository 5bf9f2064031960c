"""A small cloud for requests to the extensions, and values that name its parts."""

import typing
import urllib.parse

import schemathesis
from hypothesis import strategies as st

from placement import client
from tests.servers import server

AGGREGATE = "6f0a1d3c-5a1e-4c55-9a53-0d6a1b8f7a01"
HOST = "6f0a1d3c-5a1e-4c55-9a53-0d6a1b8f7a02"
TREE = "6f0a1d3c-5a1e-4c55-9a53-0d6a1b8f7a03"
NUMA_NODES = (
    "6f0a1d3c-5a1e-4c55-9a53-0d6a1b8f7a04",
    "6f0a1d3c-5a1e-4c55-9a53-0d6a1b8f7a05",
)
POOL = "6f0a1d3c-5a1e-4c55-9a53-0d6a1b8f7a06"
NAME = "rack 1/host"
TRAIT = "HW_CPU_X86_AVX2"
UNUSED_TRAIT = "CUSTOM_UNUSED"

_OWNER = {"project_id": "p", "user_id": "u", "consumer_type": "INSTANCE"}
_MANY = client.Inventory(2**31 - 1, allocation_ratio=3.0e38)

# Values by the name of a parameter or member, whatever its suffix.
_KNOWN: dict[str, list[str]] = {
    "group_policy": ["none", "isolate"],
    "in_tree": [HOST, TREE],
    "include": ["inventories,usages,traits,aggregates,allocations", "traits"],
    "limit": ["1"],
    "member_of": [AGGREGATE, f"!{AGGREGATE}", f"in:{AGGREGATE},{HOST}"],
    "name": [NAME, "tree"],
    "page_size": ["1", "2"],
    "provider": [HOST, NAME, NUMA_NODES[0], POOL, AGGREGATE],
    "query": [
        "resources=VCPU:1",
        "resources=VCPU:9,MEMORY_MB:512&required=COMPUTE_NODE",
        "resources=VCPU:2,DISK_GB:7",
        f"resources1=VCPU:3&resources2=VCPU:2&group_policy=isolate&in_tree={TREE}",
        "resources1=VCPU:3&resources2=DISK_GB:2&group_policy=none",
        f"resources=MEMORY_MB:70000&required=!{TRAIT}&member_of={AGGREGATE}",
        "resources_A=VCPU:3&resources_B=MEMORY_MB:1&same_subtree=_A,_B"
        f"&group_policy=none&root_required=!{UNUSED_TRAIT}",
        "resources=SRIOV_NET_VF:2147483647",
        "resources=FPGA:1",
    ],
    "required": [TRAIT, f"!{TRAIT}", f"in:{TRAIT},{UNUSED_TRAIT}"],
    "resources": ["VCPU:1", "VCPU:5,MEMORY_MB:1000", "SRIOV_NET_VF:2147483647"],
    "root_required": [f"!{UNUSED_TRAIT}", "COMPUTE_NODE"],
    "uuid": [HOST, TREE],
    "version": ["1.39", "latest", "1.36", "1.25", "1.10"],
    "without": [HOST, TREE],
}

# Parameters that are not those of the search.
_OF_EXPLAIN = {"version", "hosts", "provider"}
_INCLUDED = [["inventories", "usages"], ["traits", "aggregates", "allocations"]]


def create(application: server.Application) -> None:
    """Create a host, a tree of NUMA nodes, a sharing pool, and two consumers."""
    api = client.Client(client.WSGITransport(application))
    api.ensure_trait(UNUSED_TRAIT)
    for name, uuid, parent, inventories, trait in (
        (NAME, HOST, None, {"VCPU": 8, "MEMORY_MB": 4096}, "COMPUTE_NODE"),
        ("tree", TREE, None, {"MEMORY_MB": 65536}, "COMPUTE_NODE"),
        ("numa0", NUMA_NODES[0], TREE, {"VCPU": 4}, TRAIT),
        ("numa1", NUMA_NODES[1], TREE, {"VCPU": 4}, TRAIT),
        ("pool", POOL, None, {"DISK_GB": 1000}, "MISC_SHARES_VIA_AGGREGATE"),
    ):
        api.create_provider(name, uuid=uuid, parent_uuid=parent)
        offers = {each: client.Inventory(total) for each, total in inventories.items()}
        if uuid == HOST:
            offers["SRIOV_NET_VF"] = _MANY
        api.replace_inventories(uuid, client.Inventories(0, offers))
        api.replace_provider_traits(uuid, client.ProviderTraits(1, frozenset({trait})))
        aggregates = [] if uuid in NUMA_NODES else [AGGREGATE]
        api.replace_aggregates(uuid, client.Aggregates(2, aggregates))
    for consumer, held in (
        (POOL, {HOST: {"VCPU": 3}, POOL: {"DISK_GB": 10}}),
        (TREE, {NUMA_NODES[0]: {"VCPU": 4}}),
    ):
        assert api.claim(consumer, client.AllocationRequest(held), **_OWNER)


@st.composite
def aimed(draw: st.DrawFn, case: schemathesis.Case) -> schemathesis.Case:
    """Name in the path, the query and the body of ``case`` what the cloud has."""
    case.path_parameters = _aimed(draw, case.path_parameters)
    if isinstance(case.query, dict):
        # Of many filters, hardly a provider passes all.
        case.query = {
            name: _aimed(draw, value, name)
            for name, value in case.query.items()
            if draw(st.booleans())
        }
        if case.operation.label == "GET /-/v1/explain":
            search = draw(st.sampled_from(_KNOWN["query"]))
            own = {name: case.query[name] for name in _OF_EXPLAIN & case.query.keys()}
            case.query = dict(urllib.parse.parse_qsl(search)) | own
    case.body = _aimed(draw, case.body)
    return case


def _aimed(draw: st.DrawFn, value: typing.Any, name: str = "") -> typing.Any:
    if isinstance(value, dict):
        # The name of a request for capacity is any.
        return {
            key: each if key == "name" and "query" in value else _aimed(draw, each, key)
            for key, each in value.items()
        }
    if name == "include" and isinstance(value, list):
        return draw(st.sampled_from(_INCLUDED))
    if isinstance(value, list):
        return [_aimed(draw, each, name) for each in value]
    if isinstance(value, str):
        # The longest name first: root_required is not a form of required.
        for known in sorted(_KNOWN, key=len, reverse=True):
            if name.startswith(known):
                return draw(st.sampled_from(_KNOWN[known]))
    return value
