"""The command line options of a search for candidates."""

import dataclasses
import functools
import re
import typing
from collections.abc import Callable, Iterable, Sequence

import click

from placement.client.query import RequestGroup, candidates_query

_T = typing.TypeVar("_T")

_RESOURCE = re.compile(r"([^=:]+)[=:](\d+)")
_GROUP_KEYS = ("resources", "required", "member_of", "in_tree")

_OPTIONS = (
    click.argument("resources", nargs=-1, metavar="[CLASS=AMOUNT]..."),
    click.option(
        "--resources",
        "more_resources",
        multiple=True,
        metavar="CLASS=AMOUNT,...",
        help="Resources of the unsuffixed group; equivalent to the arguments.",
    ),
    click.option(
        "--required",
        multiple=True,
        metavar="TRAIT,...",
        help="Traits of the unsuffixed group: TRAIT, !TRAIT or in:TRAIT,TRAIT.",
    ),
    click.option(
        "--member-of",
        multiple=True,
        metavar="AGGREGATE",
        help="Aggregates of the unsuffixed group: UUID, !UUID, in:UUID,UUID.",
    ),
    click.option(
        "--in-tree",
        metavar="PROVIDER",
        help="Only the tree of this provider, a name or uuid.",
    ),
    click.option(
        "--group",
        "groups",
        multiple=True,
        metavar="SUFFIX:KEY=VALUE;...",
        help="A suffixed group, such as "
        "'_A:resources=VCPU=1,MEMORY_MB=64;required=HW_NUMA_ROOT'. Keys: "
        "resources, required, member_of, in_tree (a name or uuid).",
    ),
    click.option(
        "--group-policy",
        type=click.Choice(["none", "isolate"]),
        help="isolate: suffixed groups must not share a provider.",
    ),
    click.option(
        "--root-required",
        metavar="TRAIT,...",
        help="Traits of the root provider: TRAIT or !TRAIT.",
    ),
    click.option(
        "--same-subtree",
        multiple=True,
        metavar="SUFFIX,...",
        help="Groups whose providers must be in the subtree of one of them.",
    ),
    click.option(
        "--query",
        "raw_query",
        metavar="QUERY",
        help="Query string of the API, sent unchanged instead of all other options.",
    ),
)


def options(
    *, limit: int | None, is_required: bool = True
) -> Callable[[Callable[..., _T]], Callable[..., _T]]:
    """Add the arguments and options of a search for candidates to a command.

    ``limit`` is the default of ``--limit``; None: there is no such option. The command
    gets the search in the parameter ``search``. If no option was given, that is a
    usage error or, unless the search ``is_required``, None.
    """
    limit_option = click.option(
        "--limit",
        type=click.IntRange(min=1),
        default=limit,
        show_default=True,
        help="Maximum number of candidates.",
    )

    def decorate(command: Callable[..., _T]) -> Callable[..., _T]:
        @functools.wraps(command)
        def with_search(**given: typing.Any) -> _T:
            names = [field.name for field in dataclasses.fields(SearchArguments)]
            arguments = SearchArguments(
                **{name: given.pop(name, None) for name in names}
            )
            search = arguments.search()
            if search is None and is_required:
                raise click.UsageError(
                    "Specify resources, such as VCPU=1 MEMORY_MB=512."
                )
            return command(search=search, **given)

        wrapped: Callable[..., _T] = with_search
        limits = () if limit is None else (limit_option,)
        for option in reversed((*_OPTIONS, *limits)):
            wrapped = option(wrapped)
        return wrapped

    return decorate


@dataclasses.dataclass(frozen=True, slots=True)
class Search:
    """A search for candidates; ``in_tree`` of its groups may be a name.

    If ``raw_query`` is not None, it replaces all other fields.
    """

    groups: Sequence[RequestGroup] = ()
    group_policy: str | None = None
    limit: int | None = None
    root_required: Sequence[str] = ()
    same_subtree: Sequence[Sequence[str]] = ()
    raw_query: str | None = None

    def query(self, uuid_of: Callable[[str], str]) -> str:
        """Return the query string; ``uuid_of`` finds a provider by name or uuid."""
        if self.raw_query is not None:
            return self.raw_query
        return candidates_query(
            [
                dataclasses.replace(group, in_tree=uuid_of(str(group.in_tree)))
                if group.in_tree is not None
                else group
                for group in self.groups
            ],
            self.group_policy,
            self.limit,
            self.root_required,
            self.same_subtree,
        )


@dataclasses.dataclass(frozen=True, slots=True)
class SearchArguments:
    """The values of the command line, one field per argument and option."""

    resources: tuple[str, ...]
    more_resources: tuple[str, ...]
    required: tuple[str, ...]
    member_of: tuple[str, ...]
    in_tree: str | None
    groups: tuple[str, ...]
    group_policy: str | None
    root_required: str | None
    same_subtree: tuple[str, ...]
    limit: int | None
    raw_query: str | None

    def search(self) -> Search | None:
        """Return the search, None if no option was given.

        Raises UsageError.
        """
        unsuffixed = RequestGroup(
            parse_resources((*self.resources, *self.more_resources)),
            self.required,
            self.member_of,
            self.in_tree,
        )
        suffixed = [parse_group(text) for text in self.groups]
        rest = (self.group_policy, self.root_required, self.same_subtree, suffixed)
        is_given = any(rest) or any(unsuffixed.parameters())
        if self.raw_query is not None:
            if is_given:
                raise click.UsageError("--query cannot be combined with other options.")
            raw_query = self.raw_query.removeprefix("?")
            return Search(raw_query=raw_query) if raw_query else None
        if not is_given:
            return None
        return Search(
            [unsuffixed, *suffixed],
            self.group_policy,
            self.limit,
            self.root_required.split(",") if self.root_required else (),
            [text.split(",") for text in self.same_subtree],
        )


def parse_resources(texts: Iterable[str]) -> dict[str, int]:
    """Return units by class from texts such as ``VCPU=1`` or ``VCPU:1,DISK_GB:5``.

    Raises UsageError.
    """
    resources: dict[str, int] = {}
    for item in (item for text in texts for item in text.split(",")):
        found = _RESOURCE.fullmatch(item.strip())
        if found is None:
            raise click.UsageError(f"Invalid resource '{item}': expected CLASS=AMOUNT.")
        if found[1] in resources:
            raise click.UsageError(
                f"Resource class {found[1]} is repeated in one group."
            )
        resources[found[1]] = int(found[2])
    return resources


def parse_group(text: str) -> RequestGroup:
    """Return a group from ``SUFFIX:KEY=VALUE;...``; keys may be repeated.

    Raises UsageError.
    """
    suffix, colon, rest = text.partition(":")
    if not suffix or not colon:
        raise click.UsageError(f"Invalid group '{text}': expected SUFFIX:KEY=VALUE;...")
    values: dict[str, list[str]] = {key: [] for key in _GROUP_KEYS}
    for item in filter(None, (item.strip() for item in rest.split(";"))):
        key, _, value = item.partition("=")
        if key not in values or not value:
            raise click.UsageError(
                f"Invalid '{item}': expected {', '.join(_GROUP_KEYS)} with a value."
            )
        values[key].append(value)
    if len(values["in_tree"]) > 1:
        raise click.UsageError(f"Group '{text}' has in_tree more than once.")
    return RequestGroup(
        parse_resources(values["resources"]),
        tuple(values["required"]),
        tuple(values["member_of"]),
        next(iter(values["in_tree"]), None),
        suffix,
    )
