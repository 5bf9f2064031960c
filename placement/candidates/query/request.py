"""Parse a query string of a given version into a search request.

Failures come in a promised order: the parameters of the whole search, then the
grammar of each group, then the rules between groups. Names are not looked up here.
Source: API reference, "Allocation candidates"; the version of each rule is beside it.
"""

import collections.abc
import re
import sys
import typing

from placement import exception, excerpt
from placement.api.microversion import Version
from placement.api.querystring import Query
from placement.candidates.model import ProviderFilters, RequestGroup, SearchRequest
from placement.candidates.query import parameters
from placement.candidates.query.parameters import Wanted
from placement.schemas import allocation_candidate as schema

# The most request groups of one search.
GROUPS_MAX = 100
# The most parameters of one query string, repeated ones counted.
PARAMETERS_MAX = 500

_GRANULAR = Version(1, 25)
_NESTED = Version(1, 29)
_RESOURCELESS = Version(1, 36)

_OF_GROUPS = re.compile(r"(resources|required|member_of|in_tree)(.*)", re.DOTALL)
_LIMIT = re.compile("[1-9][0-9]*", re.ASCII)
_POLICIES = ("none", "isolate")

_Suffixes = collections.abc.Collection[str]


def parse_query_string(query_string: bytes, version: Version) -> SearchRequest:
    """Return what the query string of a search asks for, at a version.

    Raises QueryInvalid for a query string that does not match the schema, and what
    ``parse`` raises.
    """
    return parse_unchecked(Query.parse(query_string), version)


def parse_unchecked(query: Query, version: Version) -> SearchRequest:
    """Return what a query asks for that has not passed the schema; raises the same."""
    schema.LIST_QUERY.validate_query(query.last_values(), version)
    return parse(query, version)


def parse(query: Query, version: Version) -> SearchRequest:
    """Return what a query that its schema has passed asks for.

    Raises BadRequest, in the order that the module promises.
    """
    if len(query.pairs) > PARAMETERS_MAX:
        raise exception.QueryBadValue(
            reason=f"A query may have {PARAMETERS_MAX} parameters at the most. "
            f"Got: {len(query.pairs)}."
        )
    limit = _parse_limit(query.all("limit"))
    policy = _parse_group_policy(query.all("group_policy"))
    root = _parse_root_required(query.all("root_required"), version)
    subtrees = _parse_same_subtree(query.all("same_subtree"))
    groups = _parse_groups(query, version)
    _check_resources(groups, subtrees, version)
    _check_conflicts(groups)
    if policy is None and sum(group.suffix != "" for group in groups) > 1:
        raise exception.BadRequest(
            reason='The "group_policy" parameter is required when specifying more '
            'than one "resources{N}" parameter.'
        )
    return SearchRequest(
        groups=tuple(sorted(groups, key=lambda group: group.suffix != "")),
        isolates=policy == "isolate",
        same_subtree=subtrees,
        root_required=frozenset().union(*root.required),
        root_forbidden=root.forbidden,
        limit=limit,
        nested_aware=version.matches(_NESTED),
    )


def parse_provider_filters(query: Query, version: Version) -> ProviderFilters:
    """Return the filters of a listing of providers.

    The query has passed its schema: ``uuid`` and ``in_tree`` are uuids. Of a
    repeated ``name``, ``uuid``, ``resources`` or ``in_tree`` the last one counts,
    and no other one is read.

    Raises BadRequest.
    """
    uuid, resources = query.last("uuid"), query.last("resources")
    pairs = [pair for pair in query if pair[0] != "resources"]
    if resources is not None:
        pairs.append(("resources", resources))
    group = _parse_group("filters", _Parameters(pairs), version)
    return ProviderFilters(
        group=group,
        name=query.last("name") or None,
        uuid=uuid and parameters.parse_in_tree(uuid),
    )


class _Parameters:
    """The parameters of one group, all values of each, by name."""

    def __init__(self, pairs: collections.abc.Iterable[tuple[str, str]]) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in pairs:
            self._values.setdefault(name, []).append(value)

    def all(self, name: str) -> list[str]:
        return self._values.get(name, [])


def _parse_limit(values: list[str]) -> int | None:
    for value in values:
        if not _LIMIT.fullmatch(value):
            raise exception.QueryInvalid(
                reason=f"{excerpt.of_json(value)} does not match '^[1-9][0-9]*$'"
            )
    if not values:
        return None
    # int() does not read numbers of thousands of digits.
    return int(values[0]) if len(values[0]) < len(str(sys.maxsize)) else sys.maxsize


def _parse_group_policy(values: list[str]) -> str | None:
    for value in values:
        if value not in _POLICIES:
            raise exception.QueryInvalid(
                reason=f"{excerpt.of_json(value)} is not one of {list(_POLICIES)}"
            )
    return values[0] if values else None


def _parse_root_required(values: list[str], version: Version) -> Wanted:
    if len(values) > 1:
        raise exception.QueryDuplicateKey(
            reason="Query parameter 'root_required' may be specified only once."
        )
    if not values:
        return Wanted()
    wanted = parameters.parse_trait_list(values[0], version)
    conflicting = frozenset().union(*wanted.required) & wanted.forbidden
    if conflicting:
        raise exception.QueryBadValue(
            reason="Conflicting required and forbidden traits found in "
            f"root_required: {_listed(conflicting)}"
        )
    return wanted


def _parse_same_subtree(values: list[str]) -> tuple[frozenset[str], ...]:
    subtrees = []
    for value in values:
        suffixes = frozenset(suffix.strip() for suffix in value.split(","))
        if "" in suffixes:
            raise exception.QueryBadValue(
                reason="Empty string (unsuffixed group) can not be specified in "
                "`same_subtree`"
            )
        subtrees.append(suffixes)
    return tuple(dict.fromkeys(subtrees))


def _parse_groups(query: Query, version: Version) -> list[RequestGroup]:
    pairs: dict[str, list[tuple[str, str]]] = {}
    for name, value in query:
        of_group = _OF_GROUPS.fullmatch(name)
        if of_group is not None:
            pairs.setdefault(of_group[2], []).append((of_group[1], value))
    if len(pairs) > GROUPS_MAX:
        raise exception.QueryBadValue(
            reason=f"A search may have {GROUPS_MAX} request groups at the most. "
            f"Got: {len(pairs)}."
        )
    groups = {suffix: _Parameters(given) for suffix, given in pairs.items()}
    _check_values(query, groups, version)
    return [_parse_group(suffix, given, version) for suffix, given in groups.items()]


def _check_values(
    query: Query, groups: dict[str, "_Parameters"], version: Version
) -> None:
    """Check the values in query order, so that the first bad one is reported."""
    for name, value in query:
        of_group = _OF_GROUPS.fullmatch(name)
        if of_group is None:
            continue
        kind, given = of_group[1], groups[of_group[2]]
        if kind == "resources":
            parameters.parse_resources(value)
        elif kind == "in_tree":
            parameters.parse_in_tree(value)
        elif kind == "member_of":
            parameters.parse_member_of(given.all(kind), version)
        else:
            for counting in _counting_traits(given.all(kind), version):
                parameters.parse_traits(counting, version)


def _parse_group(suffix: str, given: _Parameters, version: Version) -> RequestGroup:
    aggregates = parameters.parse_member_of(given.all("member_of"), version)
    traits = Wanted()
    for value in _counting_traits(given.all("required"), version):
        traits = traits.and_(parameters.parse_traits(value, version))
    resources: dict[str, int] = {}
    for value in given.all("resources"):
        resources = parameters.parse_resources(value)
    trees = given.all("in_tree")
    return RequestGroup(
        suffix=suffix,
        resources=resources,
        required=tuple(dict.fromkeys(traits.required)),
        forbidden=traits.forbidden,
        member_of=tuple(dict.fromkeys(aggregates.required)),
        not_member_of=aggregates.forbidden,
        in_tree=parameters.parse_in_tree(trees[-1]) if trees else None,
    )


def _counting_traits(values: list[str], version: Version) -> list[str]:
    return values if version.matches(parameters.ANY_TRAITS) else values[-1:]


def _check_resources(
    groups: list[RequestGroup], subtrees: tuple[frozenset[str], ...], version: Version
) -> None:
    if version.matches(_RESOURCELESS):
        _check_subtrees(groups, subtrees)
    elif version.matches(_GRANULAR):
        _check_nothing_orphaned(groups)


def _check_subtrees(
    groups: list[RequestGroup], subtrees: tuple[frozenset[str], ...]
) -> None:
    if not any(group.resources for group in groups):
        raise exception.QueryMissingValue(
            reason="There must be at least one resources or resources[$S] parameter."
        )
    named: frozenset[str] = frozenset().union(*subtrees)
    bad = {group.suffix for group in groups if not group.resources} - named
    if bad:
        raise exception.QueryBadValue(
            reason="Resourceless suffixed group request should be specified in "
            f"`same_subtree` query param: bad group(s) - "
            f"{excerpt.of_json(sorted(bad))}."
        )
    suffixes = {group.suffix for group in groups}
    if not named <= suffixes:
        raise exception.QueryBadValue(
            reason="Real suffixes should be specified in `same_subtree`: "
            f"{excerpt.of_json(sorted(named - suffixes))} not found in "
            f"{excerpt.of_json(sorted(suffixes))}."
        )


def _check_nothing_orphaned(groups: list[RequestGroup]) -> None:
    if not groups:
        raise exception.BadRequest(
            reason="At least one request group (`resources` or `resources{$S}`) is "
            "required."
        )
    orphans = [group for group in groups if not group.resources]
    traits = [group.suffix for group in orphans if group.required]
    if traits:
        raise exception.BadRequest(
            reason="All traits parameters must be associated with resources.  Found "
            f"the following orphaned traits keys: {_keys('required', traits)}"
        )
    aggregates = [
        group.suffix for group in orphans if group.member_of or group.not_member_of
    ]
    if aggregates:
        raise exception.BadRequest(
            reason="All member_of parameters must be associated with resources. "
            "Found the following orphaned member_of keys: "
            f"{_keys('member_of', aggregates)}"
        )
    if orphans:
        raise exception.BadRequest(reason="All request groups must specify resources.")


def _check_conflicts(groups: list[RequestGroup]) -> None:
    conflicts = []
    for group in groups:
        traits = [names for names in group.required if names <= group.forbidden]
        if traits:
            listed = _listed(frozenset().union(*traits))
            conflicts.append(f"required{group.suffix}: ({listed})")
    if conflicts:
        raise exception.BadRequest(
            reason="Conflicting required and forbidden traits found in the following "
            f"traits keys: {_listed(conflicts)}"
        )


def _keys(name: str, suffixes: _Suffixes) -> str:
    return _listed([f"{name}{suffix}" for suffix in suffixes])


def _listed(words: typing.Iterable[str]) -> str:
    return excerpt.of_text(", ".join(sorted(words)))
