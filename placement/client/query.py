"""Query strings of searches for candidates."""

import dataclasses
import urllib.parse
from collections.abc import Iterable, Iterator, Mapping, Sequence

from placement.client.values import AnyUUID, Resources, several

# Names and values in order; a repeated parameter has several entries.
Parameters = Sequence[tuple[str, str]]


@dataclasses.dataclass(frozen=True, slots=True)
class RequestGroup:
    """A request group; with a suffix, one provider must serve it.

    ``required`` lists trait expressions, which must all match: ``TRAIT``, ``!TRAIT`` or
    ``in:TRAIT,TRAIT``. ``member_of`` lists aggregate expressions, which must all match:
    ``UUID``, ``in:UUID,UUID``, ``!UUID`` or ``!in:UUID,UUID``. ``in_tree`` is the uuid
    of any provider in the wanted tree. ``suffix`` is written as in the query, such as
    ``_A`` or ``1``.
    """

    resources: Resources = dataclasses.field(default_factory=dict)
    required: Sequence[str] = ()
    member_of: Sequence[AnyUUID] = ()
    in_tree: AnyUUID | None = None
    suffix: str = ""

    def __post_init__(self) -> None:
        several("required", self.required)
        several("member_of", self.member_of)

    def parameters(self) -> Iterator[tuple[str, str]]:
        """Yield the parameters of this group."""
        if self.resources:
            yield f"resources{self.suffix}", render_resources(self.resources)
        for value in render_required(self.required):
            yield f"required{self.suffix}", value
        for aggregate in self.member_of:
            yield f"member_of{self.suffix}", str(aggregate)
        if self.in_tree is not None:
            yield f"in_tree{self.suffix}", str(self.in_tree)


def candidates_query(
    groups: Iterable[RequestGroup],
    group_policy: str | None = None,
    limit: int | None = None,
    root_required: Sequence[str] = (),
    same_subtree: Iterable[Sequence[str]] = (),
) -> str:
    """Return the query string of a search, without the question mark.

    ``root_required`` lists ``TRAIT`` or ``!TRAIT`` for the root. Each item of
    ``same_subtree`` lists suffixes of groups whose providers must be in the subtree of
    one of them.
    Source: API reference, "Allocation candidates".
    """
    parameters = [
        pair for group in several("groups", groups) for pair in group.parameters()
    ]
    if group_policy is not None:
        parameters.append(("group_policy", group_policy))
    if several("root_required", root_required):
        parameters.append(("root_required", ",".join(root_required)))
    parameters.extend(
        ("same_subtree", ",".join(several("each of same_subtree", each)))
        for each in several("same_subtree", same_subtree)
    )
    if limit is not None:
        parameters.append(("limit", str(limit)))
    return encode(parameters)


def provider_filters(
    name: str | None,
    uuid: AnyUUID | None,
    in_tree: AnyUUID | None,
    resources: Resources | None,
    required: Sequence[str],
    member_of: Sequence[AnyUUID],
) -> list[tuple[str, str]]:
    """Return the parameters of a list of providers."""
    given = {"name": name, "uuid": uuid, "in_tree": in_tree}
    parameters = [
        (key, str(value)) for key, value in given.items() if value is not None
    ]
    if resources:
        parameters.append(("resources", render_resources(resources)))
    parameters += [("required", each) for each in render_required(required)]
    parameters += [("member_of", str(each)) for each in several("member_of", member_of)]
    return parameters


def render_resources(resources: Mapping[str, int]) -> str:
    """Return units by class as ``CLASS:units,...``."""
    return ",".join(f"{name}:{amount}" for name, amount in resources.items())


def render_required(expressions: Iterable[str]) -> list[str]:
    """Return the values of ``required``: one per ``in:``, and one for the others."""
    expressions = list(several("required", expressions))
    single = [text for text in expressions if not text.startswith("in:")]
    any_of = [text for text in expressions if text.startswith("in:")]
    return ([",".join(single)] if single else []) + any_of


def encode(parameters: Parameters) -> str:
    """Return a query string, without quoting the separators of the values."""
    return urllib.parse.urlencode(parameters, safe=":,!")
