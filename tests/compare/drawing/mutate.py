"""Mutations of requests: of the body, query, path, method and headers."""

import collections.abc
import copy
import json
import random
import re
import typing

from tests.compare.drawing.draft import NO_BODY, Draft
from tests.compare.drawing.world import World

Mutation = collections.abc.Callable[[random.Random, World, Draft], None]

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
VALUES: list[typing.Any] = [
    *(None, True, False, -1, 0, 1, 2, 2.0, 1.5, -0.5, "", "x", " ", "1", [], {}),
    *(2147483647, 2147483648, 0.0, "é漢", ["a"], [None], {"a": 1}, "a" * 256),
]
RAW_BODIES = [
    *(b"", b"{", b"\xff\xfe", b"[]", b"{}", b"null", b'"x"', b"1", b"[1,]", b"{} {}"),
    *(b"\xef\xbb\xbf{}", b'{"name": NaN}', b"{'name': 1}", b'{"a": 1, "a": 2}'),
]
ACCEPTS = [
    *("*/*", "text/html", "text/plain", "application/*", "application/json;q=0"),
    *("text/html, application/json;q=0.5", "application/json, text/html;q=0.9"),
    *("text/plain;q=0.5, application/json;q=0.4", "image/png", "", "nonsense"),
    *("application/json, text/plain, */*", "text/html, */*;q=0.8"),
    *("application/xml", "*/*;q=0.1", "application/json;q=0.2, text/plain"),
]
CONTENT_TYPES = [
    *("text/plain", "application/json; charset=utf-8", "Application/JSON", ""),
    *("application/jsonx", "application/json;charset=latin-1", "application/xml"),
]
VERSIONS = [
    *("placement 1.40", "placement 0.9", "placement 2.0", "placement 1", "placement"),
    *("placement 1.x", "placement latest", "placement 1.2.3", "compute 1.10", "1.10"),
    *("placement  1.05", "Placement 1.17", "compute 2.90, placement 1.30", ""),
    *("placement 1.10, placement 1.39", "placement pony.horse", "placement 1.-1"),
    *("placement LATEST", "placement 1.10,compute latest", "placement +1.10"),
]
ROLES: list[dict[str, str]] = [
    *({"X-Roles": "reader"}, {"X-Roles": ""}, {"X-Roles": "member,reader"}),
    *({"X-Roles": "service"}, {"X-Role": "admin"}, {"X-Roles": "ADMIN"}),
    *({"OpenStack-System-Scope": "all"}, {"X-Domain-Id": "default"}),
    *({"X-Auth-Token": "somebody"}, {"X-Auth-Token": "admin:project:x"}),
    *({"X-Auth-Token": ""}, {"X-Auth-Token": "somebody:p", "X-Roles": "reader"}),
]
METHODS = ["GET", "PUT", "POST", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "ODD"]
SEGMENTS = ["", "nothing", "inventories", "0", "%C3%A9", "a%20b", "VCPU", "%2F", "."]
QUERY_VALUES = [
    *("", " ", ",", "x", "in:", "in:x", "!", "!x", "!in:", "VCPU", "VCPU:", "VCPU:x"),
    *("VCPU:0", "VCPU:-1", "VCPU:1:2", "VCPU:1,", ":1", "VCPU:1,VCPU:2", "NOTHING:1"),
    *("VCPU:1.5", "VCPU: 1 ", "!HW_CPU_X86_AVX", "HW_CPU_X86_AVX,!HW_CPU_X86_AVX"),
    *("in:HW_CPU_X86_AVX,!HW_CPU_X86_SSE", "HW_CPU_X86_AVX,", "!!HW_CPU_X86_AVX"),
    *("0", "1", "-1", "none", "isolate", "_A", "_A,1", "_Z", "1,,2", "é", "all"),
]
QUERY_NAMES = [
    *("resources", "required", "member_of", "in_tree", "limit", "group_policy"),
    *("root_required", "same_subtree", "name", "uuid", "unknown", "project_id"),
    *("resources1", "required1", "resources_A", "in_tree_A", "resources-x", "Required"),
    *("resources0", "resources_" + "a" * 64, "member_of1", "user_id", "consumer_type"),
]


def mutate(rng: random.Random, world: World, draft: Draft) -> None:
    """Apply one random mutation to the request."""
    mutations: list[tuple[int, Mutation]] = [
        (4, _accept),
        (4, _version),
        (2, _caller),
        (1, _no_token),
        (2, _method),
        (5, _path),
        (2, _unexpected_body),
        (2, _uuid_format),
    ]
    if draft.body is not NO_BODY:
        mutations += [(30, _value), (6, _raw_body), (5, _content_type)]
    else:
        mutations += [(6, _query_parameter), (4, _raw_query)]
    if draft.query:
        mutations += [(25, _query_parameter)]
    weights = [weight for weight, _ in mutations]
    [(_, mutation)] = rng.choices(mutations, weights)
    mutation(rng, world, draft)


def _accept(rng: random.Random, world: World, draft: Draft) -> None:
    if rng.random() < 0.2:
        draft.headers.pop("Accept", None)
    else:
        draft.headers["Accept"] = rng.choice(ACCEPTS)


def _version(rng: random.Random, world: World, draft: Draft) -> None:
    if rng.random() < 0.15:
        draft.headers.pop("OpenStack-API-Version", None)
    else:
        draft.headers["OpenStack-API-Version"] = rng.choice(VERSIONS)


def _caller(rng: random.Random, world: World, draft: Draft) -> None:
    draft.headers |= rng.choice(ROLES)


def _no_token(rng: random.Random, world: World, draft: Draft) -> None:
    draft.headers.pop("X-Auth-Token", None)


def _method(rng: random.Random, world: World, draft: Draft) -> None:
    draft.method = rng.choice(METHODS)


def _path(rng: random.Random, world: World, draft: Draft) -> None:
    segments = draft.path.split("/")
    if rng.random() < 0.3:
        segments.insert(rng.randint(1, len(segments)), rng.choice(SEGMENTS))
    else:
        known = [*world.providers, world.new_uuid(), *SEGMENTS]
        segments[rng.randint(1, len(segments) - 1)] = rng.choice(known)
    draft.path = "/".join(segments)


def _uuid_format(rng: random.Random, world: World, draft: Draft) -> None:
    """Write the uuids of path, query, body or all in upper case or without hyphens.

    Leave out the bodies of aggregates: one service stores them as given.
    """
    is_upper = rng.random() < 0.5

    def written(text: str) -> str:
        return _UUID.sub(
            lambda found: found[0].upper() if is_upper else found[0].replace("-", ""),
            text,
        )

    where = rng.choice(["path", "query", "body", "all"])
    if where in ("path", "all"):
        draft.path = written(draft.path)
    if where in ("query", "all"):
        draft.query = [(name, written(value)) for name, value in draft.query]
    is_kept = draft.operation.endswith("/aggregates")
    if where in ("body", "all") and draft.body is not NO_BODY and not is_kept:
        draft.body = json.loads(written(json.dumps(draft.body)))


def _unexpected_body(rng: random.Random, world: World, draft: Draft) -> None:
    """Send a different body, with or without a content type."""
    draft.raw = rng.choice(RAW_BODIES)
    if rng.random() < 0.5:
        draft.headers["Content-Type"] = rng.choice(CONTENT_TYPES)


def _raw_body(rng: random.Random, world: World, draft: Draft) -> None:
    whole = json.dumps(draft.body).encode()
    cut = whole[: rng.randint(0, len(whole))]
    draft.raw = rng.choice([*RAW_BODIES, cut, whole + b"}", b" " + whole + b"\n"])


def _content_type(rng: random.Random, world: World, draft: Draft) -> None:
    if rng.random() < 0.3:
        draft.headers.pop("Content-Type", None)
    else:
        draft.headers["Content-Type"] = rng.choice(CONTENT_TYPES)


def _value(rng: random.Random, world: World, draft: Draft) -> None:
    """Change one value of the body, or add, remove or rename a member."""
    holder = [copy.deepcopy(draft.body)]
    container, key = rng.choice(list(_paths(holder)))
    unusual = rng.choice([*VALUES, world.provider(), world.new_uuid(), "VCPU"])
    kind = rng.random()
    if kind < 0.6 or container is holder:
        container[key] = unusual
    elif kind < 0.75:
        del container[key]
    elif isinstance(container, list):
        container.append(rng.choice([container[key], unusual]))
    elif kind < 0.85:
        container[rng.choice(["extra", "", "a b", "VCPU", "uuid"])] = unusual
    else:
        container[rng.choice(["extra", "custom_x", "VCPU"])] = container.pop(key)
    draft.body = holder[0]


def _paths(
    container: typing.Any,
) -> collections.abc.Iterator[tuple[typing.Any, typing.Any]]:
    """Yield every (container, key) at or below ``container``, outermost first."""
    keys = range(len(container)) if isinstance(container, list) else list(container)
    for key in keys:
        yield container, key
        if isinstance(container[key], list | dict):
            yield from _paths(container[key])


def _query_parameter(rng: random.Random, world: World, draft: Draft) -> None:
    query = list(draft.query)
    value = rng.choice([*QUERY_VALUES, world.provider(), *world.aggregates])
    place = rng.randrange(len(query)) if query else -1
    kind = rng.random()
    if place < 0 or kind < 0.25:
        query.insert(rng.randint(0, len(query)), (rng.choice(QUERY_NAMES), value))
    elif kind < 0.55:
        query[place] = (query[place][0], value)
    elif kind < 0.7:
        query.insert(rng.randint(0, len(query)), (query[place][0], value))
    elif kind < 0.8:
        query.append(query[place])
    elif kind < 0.9:
        del query[place]
    else:
        query[place] = (rng.choice(QUERY_NAMES), query[place][1])
    draft.query = query


def _raw_query(rng: random.Random, world: World, draft: Draft) -> None:
    ends = ["&", "&&a", "a", "a=", "%FF=1", "name=%FF", "=1", "%", "name=a;b", "?x=1"]
    draft.raw_query = rng.choice(ends)
