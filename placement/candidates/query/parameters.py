"""How the value of one query parameter is read.

Both the search for candidates and the listing of providers read theirs here.
Source: API reference, "Request groups" and the parameters of either operation.
"""

import typing

from placement import exception, excerpt, uuids
from placement.api.microversion import Version

# The most items that one value may list; each costs work in the database.
ITEMS_MAX = 1000
# The most resource classes that one group may ask for.
CLASSES_MAX = 100

FORBIDDEN_TRAITS = Version(1, 22)
REPEATED_MEMBER_OF = Version(1, 24)
FORBIDDEN_AGGREGATES = Version(1, 32)
ANY_TRAITS = Version(1, 39)

_IN = "in:"
_NOT = "!"
_ANY_TRAITS_FORM = "in:HW_CPU_X86_VMX,CUSTOM_MAGIC"


class Wanted(typing.NamedTuple):
    """Required names, of which one per set is enough, and forbidden names."""

    required: tuple[frozenset[str], ...] = ()
    forbidden: frozenset[str] = frozenset()

    def and_(self, other: "Wanted") -> "Wanted":
        """Return the requirements of both."""
        return Wanted(self.required + other.required, self.forbidden | other.forbidden)


def parse_resources(value: str) -> dict[str, int]:
    """Read ``VCPU:2,MEMORY_MB:1024``; the last amount of a repeated class counts.

    Raises BadRequest.
    """
    if not value.strip():
        raise _bad_resources("empty string")
    amounts = {}
    for item in _split(value, "resources", CLASSES_MAX):
        parts = item.split(":")
        if len(parts) != 2:
            raise _bad_resources(item)
        resource_class, amount = parts
        amounts[resource_class] = _parse_amount(resource_class, amount)
    return amounts


def parse_traits(value: str, version: Version) -> Wanted:
    """Read ``T,!T`` (``!`` since 1.22) or ``in:T,T`` (since 1.39).

    Raises QueryInvalid.
    """
    if not value.startswith(_IN):
        return parse_trait_list(value, version)
    if not version.matches(ANY_TRAITS):
        raise _any_traits_too_early(value)
    names = [name.strip() for name in _split(value.removeprefix(_IN), "required")]
    if "" in names:
        raise _empty_trait(_ANY_TRAITS_FORM, value)
    if any(name.startswith(_NOT) for name in names):
        raise exception.QueryInvalid(
            reason=f"The format '{_ANY_TRAITS_FORM}' does not support forbidden "
            f"traits. Got: {excerpt.of_text(value)}"
        )
    return Wanted(required=(frozenset(names),))


def parse_trait_list(value: str, version: Version) -> Wanted:
    """Read ``T,!T``, the only form of ``root_required``.

    Raises QueryInvalid.
    """
    if value.startswith(_IN):
        raise _any_traits_too_early(value)
    may_forbid = version.matches(FORBIDDEN_TRAITS)
    form = f"HW_CPU_X86_VMX,{_NOT if may_forbid else ''}CUSTOM_MAGIC"
    required, forbidden = [], set()
    for item in _split(value, "required"):
        name = item.strip()
        if not name.lstrip(_NOT):
            raise _empty_trait(form, value)
        if not name.startswith(_NOT):
            required.append(frozenset([name]))
        elif may_forbid:
            forbidden.add(name.lstrip(_NOT))
        else:
            raise exception.QueryInvalid(
                reason=f"Expected 'required' parameter value of the form: {form}. "
                f"Got: {excerpt.of_text(value)}"
            )
    return Wanted(tuple(dict.fromkeys(required)), frozenset(forbidden))


def parse_member_of(values: list[str], version: Version) -> Wanted:
    """Read every ``U``, ``in:U,U``, ``!U`` and ``!in:U,U`` (``!`` since 1.32).

    Uuids are returned in canonical form.

    Raises BadRequest.
    """
    if len(values) > 1 and not version.matches(REPEATED_MEMBER_OF):
        raise exception.BadRequest(
            reason="Multiple member_of parameters are not supported"
        )
    wanted = Wanted()
    for value in values:
        wanted = wanted.and_(_parse_one_member_of(value, version))
    return wanted


def parse_in_tree(value: str) -> str:
    """Read a uuid and return it in canonical form.

    Raises QueryInvalid.
    """
    tree = uuids.canonical(value.strip())
    if tree is None:
        raise exception.QueryInvalid(
            reason="Expected 'in_tree' parameter to be a format of uuid. "
            f"Got: {excerpt.of_text(value)}"
        )
    return tree


def _parse_one_member_of(value: str, version: Version) -> Wanted:
    is_forbidden = value.startswith(_NOT)
    listed = value.removeprefix(_NOT)
    if not listed.startswith(_IN) and "," in listed:
        raise exception.BadRequest(
            reason="Multiple values for 'member_of' must be prefixed with the 'in:' "
            f"or '!in:' keyword using the valid microversion. "
            f"Got: {excerpt.of_text(value)}"
        )
    aggregates = set()
    for item in _split(listed.removeprefix(_IN), "member_of"):
        aggregate = uuids.canonical(item)
        if aggregate is None:
            raise exception.QueryInvalid(
                reason="Expected 'member_of' parameter to contain valid UUID(s). "
                f"Got: {excerpt.of_text(value)}"
            )
        aggregates.add(aggregate)
    if is_forbidden and not version.matches(FORBIDDEN_AGGREGATES):
        raise exception.BadRequest(
            reason="Forbidden member_of parameters are not supported in the "
            "specified microversion"
        )
    if is_forbidden:
        return Wanted(forbidden=frozenset(aggregates))
    return Wanted(required=(frozenset(aggregates),))


def _split(value: str, name: str, items_max: int = ITEMS_MAX) -> list[str]:
    items = value.split(",")
    if len(items) > items_max:
        raise exception.QueryBadValue(
            reason=f"One '{name}' parameter may list {items_max} items at the most. "
            f"Got: {len(items)}."
        )
    return items


def _parse_amount(resource_class: str, text: str) -> int:
    try:
        amount = int(text)
    except ValueError:
        raise exception.BadRequest(
            reason=f"Requested resource {excerpt.of_text(resource_class)} expected "
            f"positive integer amount. Got: {excerpt.of_text(text)}."
        ) from None
    if amount < 1:
        raise exception.BadRequest(
            reason=f"Requested resource {excerpt.of_text(resource_class)} requires "
            f"amount >= 1. Got: {excerpt.of_text(amount)}."
        )
    return amount


def _bad_resources(got: str) -> exception.BadRequest:
    return exception.BadRequest(
        reason="Badly formed resources parameter. Expected resources query string "
        f"parameter in form: ?resources=VCPU:2,MEMORY_MB:1024. "
        f"Got: {excerpt.of_text(got)}."
    )


def _empty_trait(form: str, value: str) -> exception.QueryInvalid:
    return exception.QueryInvalid(
        reason=f"Expected 'required' parameter value of the form: {form}. "
        f"Got an empty trait in: {excerpt.of_text(value)}"
    )


def _any_traits_too_early(value: str) -> exception.QueryInvalid:
    return exception.QueryInvalid(
        reason=f"The format '{_ANY_TRAITS_FORM}' only supported since microversion "
        f"1.39. Got: {excerpt.of_text(value)}"
    )
