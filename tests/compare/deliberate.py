"""The intended differences from the peer, each with its reason.

A reason is a defect of the peer, an order that the API does not specify, or a choice of
this service. It explains only the aspects that it names, and only if the answers differ
in the described way.
"""

import collections.abc
import typing

from tests.compare import conditions, searching
from tests.compare.aspects import Difference
from tests.compare.exchange import Exchange
from tests.servers import databases

_FORM = frozenset({"content-type", "error", "error-request-id", "one-line", "generic"})
_BODY = frozenset({"body"})
_WORDING = frozenset({"wording"})
EVERYTHING: typing.Final = frozenset[str]()


class Deliberate(typing.NamedTuple):
    """A reason for the exchanges to which ``applies`` returns true.

    It explains differences of the ``aspects``, or of all if there are none, on one kind
    of ``database`` or on all.
    """

    reason: str
    applies: collections.abc.Callable[[Exchange], bool]
    aspects: frozenset[str] = EVERYTHING
    database: str | None = None

    def explains(
        self, exchange: Exchange, differing: dict[str, Difference]
    ) -> set[str]:
        """Return the aspects among ``differing`` that this explains."""
        wanted = set(differing) & self.aspects if self.aspects else set(differing)
        return wanted if wanted and self.applies(exchange) else set()


DELIBERATE: list[Deliberate] = [
    Deliberate(
        "defect: the peer fails (500) with statements that PostgreSQL refuses",
        conditions.peer_fails_on_postgresql,
        database=databases.POSTGRESQL,
    ),
    Deliberate(
        "defect: the peer fails (500) in GET /usages on a query that is not UTF-8, and "
        "when a sharing provider is no root and the unsuffixed group asks for several "
        "classes",
        conditions.any_of(
            conditions.peer_fails_on_undecodable_query,
            searching.fails_on_nested_sharing,
        ),
    ),
    Deliberate(
        "defect: the peer does not sort names, and PostgreSQL has no order of its own",
        conditions.differs_in_order_of_names,
        _BODY,
        database=databases.POSTGRESQL,
    ),
    Deliberate(
        "defect: the peer sorts traits by id, except where it selects them by name",
        conditions.differs_in_order_of_traits,
        _BODY,
    ),
    Deliberate(
        "defect: the peer omits Vary in some errors",
        conditions.peer_lacks_vary,
        frozenset({"vary"}),
    ),
    Deliberate(
        "defect: the peer sends errors as HTML if the client accepts JSON equally",
        conditions.peer_prefers_html,
        _FORM,
    ),
    Deliberate(
        "defect: the peer sends no Last-Modified for the first update of a provider "
        "and for empty inventories",
        conditions.peer_lacks_last_modified,
        frozenset({"last-modified"}),
    ),
    Deliberate(
        "defect: the peer accepts an empty provider name in PUT, and reports it as "
        "missing in POST",
        conditions.has_empty_name,
    ),
    Deliberate(
        "defect: the peer accepts NaN, Infinity and negative ratios, and does not "
        "validate inventories of malformed class names",
        conditions.any_of(
            conditions.has_nan_or_infinity,
            conditions.has_negative_ratio,
            conditions.has_malformed_class,
        ),
    ),
    Deliberate(
        "defect: the peer finds a uuid only in the spelling in which it is stored",
        conditions.has_noncanonical_uuid,
    ),
    Deliberate(
        "defect: in GET /traits the peer ignores unknown operators, and treats a "
        "prefix as a pattern",
        conditions.peer_matches_more_traits,
        frozenset(
            {"status", *_FORM, "body", "wording", "cache-control", "last-modified"}
        ),
    ),
    Deliberate(
        "defect: the peer decodes a UTF-8 name in the path as Latin-1",
        conditions.has_unicode_path,
        _WORDING,
    ),
    Deliberate(
        "defect: the peer looks up names lazily, so that an earlier empty result hides "
        "an unknown one",
        searching.has_hidden_unknown_name,
    ),
    Deliberate(
        "defect: the peer checks the last value of a repeated limit or group_policy, "
        "and uses the first",
        searching.has_unchecked_value,
    ),
    Deliberate(
        "defect: the peer loses or miscounts candidates: it keeps only one anchor of "
        "an unsuffixed group that only a sharing provider serves, beside suffixed "
        "groups; it adds the amounts of one class in the unsuffixed and a suffixed "
        "group wrongly, unless group_policy is none; a group without resources never "
        "matches with only forbidden traits or only a tree, and ignores a tree beside "
        "others",
        conditions.any_of(
            searching.loses_anchors,
            searching.requests_a_class_twice,
            searching.has_bare_group,
        ),
        _BODY,
    ),
    Deliberate(
        "unspecified: the uuid of a new provider without one",
        conditions.names_generated_uuid,
        _WORDING,
    ),
    Deliberate(
        "unspecified: which of several names an error lists, how often, and in which "
        "order",
        conditions.any_of(
            conditions.names_same_things,
            conditions.conflicts_on_name_and_uuid,
            searching.has_unknown_name_in_both,
        ),
        _WORDING,
    ),
    Deliberate(
        "choice: our errors quote at most 200 characters of a value",
        conditions.ours_shortens_values,
        _WORDING,
    ),
    Deliberate(
        "specification: without X-Roles, the roles are in X-Role; the peer ignores it",
        conditions.has_only_x_role,
    ),
    Deliberate(
        "unspecified: which candidates a limit selects",
        searching.reaches_limit_in_both,
        _BODY,
    ),
]


def explained(
    exchange: Exchange, differing: dict[str, Difference], database: str
) -> dict[str, set[str]]:
    """Return the aspects of ``differing`` that have a reason, by reason.

    ``database`` is the kind that both services use.
    """
    found = {}
    for each in DELIBERATE:
        if each.database not in (None, database):
            continue
        aspects = each.explains(exchange, differing)
        if aspects:
            found[each.reason] = aspects
    return found
