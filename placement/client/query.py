"""The question for candidates, as the query string of the API."""

import dataclasses
import urllib.parse
from collections.abc import Iterable, Iterator, Mapping, Sequence

from placement.client.values import AnyUUID, Resources, several

# Parameters in order; one that repeats is there several times.
Parameters = Sequence[tuple[str, str]]


@dataclasses.dataclass(frozen=True, slots=True)
class RequestGroup:
    """What is asked for together, of one provider unless the suffix is empty.

    ``required`` holds trait expressions that must all hold: ``TRAIT``, ``!TRAIT`` or
    ``in:TRAIT,TRAIT``. ``member_of`` holds aggregate expressions in the same way:
    ``UUID``, ``in:UUID,UUID``, ``!UUID`` or ``!in:UUID,UUID``. ``in_tree`` is the
    uuid of any provider of the tree wanted. A suffix begins as it is written in the
    query: ``_A`` or ``1``.
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

    ``root_required`` holds ``TRAIT`` or ``!TRAIT`` of the anchor; each member of
    ``same_subtree`` the suffixes of groups that must be served under one of their
    providers.
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


def render_resources(resources: Mapping[str, int]) -> str:
    """Return units by class as ``CLASS:units,...``."""
    return ",".join(f"{name}:{amount}" for name, amount in resources.items())


def render_required(expressions: Iterable[str]) -> list[str]:
    """Return the values of ``required``; each ``in:`` needs a value of its own."""
    expressions = list(several("required", expressions))
    single = [text for text in expressions if not text.startswith("in:")]
    any_of = [text for text in expressions if text.startswith("in:")]
    return ([",".join(single)] if single else []) + any_of


def encode(parameters: Parameters) -> str:
    """Return a query string; what the grammar uses stays readable."""
    return urllib.parse.urlencode(parameters, safe=":,!")
