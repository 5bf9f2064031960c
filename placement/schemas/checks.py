"""Compiled schemas, which find the first error of a value quickly.

The jsonschema library creates objects for each part of a value and collects all errors
before it selects one. A check visits each part once, creates no objects, and stops at
the first error. Tests compare its results with those of the library.
"""

import bisect
import collections
import collections.abc
import dataclasses
import functools
import itertools
import math
import re
import typing

import jsonschema

Schema = collections.abc.Mapping[str, typing.Any]

# NUL and unpaired surrogates, which databases cannot store.
NOT_TEXT = re.compile("[\0\ud800-\udfff]")


@dataclasses.dataclass(slots=True)
class Failure:
    """The first part of a value that does not match its schema.

    ``instance`` is the part and ``schema`` its schema, at ``path`` and ``schema_path``.
    ``keywords`` of the schema may be violated. ``culprit`` violates them in the same
    way as ``instance``, of which it may be only the relevant members.
    """

    instance: typing.Any
    schema: Schema
    keywords: collections.abc.Iterable[str]
    culprit: typing.Any
    path: collections.deque[str | int] = dataclasses.field(
        default_factory=collections.deque
    )
    schema_path: collections.deque[str | int] = dataclasses.field(
        default_factory=collections.deque
    )

    def below(self, name: str | int, *schema_path: str) -> "Failure":
        """Return the failure relative to the parent, which has it at ``name``."""
        self.path.appendleft(name)
        self.schema_path.extendleft(reversed(schema_path))
        return self


Check = collections.abc.Callable[[typing.Any], Failure | None]
_Conforms = collections.abc.Callable[[typing.Any], object]


class Unsupported(Exception):
    """A schema uses a keyword without a check."""


@functools.cache
def pattern(text: str) -> re.Pattern[str]:
    """Compile a pattern in which ``$`` matches only at the end of the string.

    In Python, ``$`` also matches before a line break at the end.
    """
    return re.compile(text.replace("$", r"\Z"))


def compiled(schema: Schema, formats: jsonschema.FormatChecker) -> Check:
    """Return the check of ``schema``. Raises Unsupported."""
    if "anyOf" in schema:
        return _any_of(schema, formats)
    types = schema.get("type")
    if types == "boolean":
        return _boolean(schema)
    if isinstance(types, list) and not _OF_TYPE.keys().isdisjoint(types):
        return _one_of_types(schema, formats)
    of_type = _OF_TYPE.get(types) if isinstance(types, str) else None
    return of_type(schema, formats) if of_type else _number(schema)


# The keywords that apply to values of each type in a list of types.
_KEYWORDS: dict[str, tuple[str, ...]] = {
    "string": ("minLength", "maxLength", "pattern", "format", "enum"),
    "array": ("items", "minItems", "maxItems", "uniqueItems"),
    "object": (
        "properties",
        "required",
        "minProperties",
        "patternProperties",
        "additionalProperties",
    ),
    "null": (),
}
_KINDS = {"string": str, "array": list, "object": dict, "null": type(None)}


def _one_of_types(schema: Schema, formats: jsonschema.FormatChecker) -> Check:
    types = schema["type"]
    if not _KEYWORDS.keys() >= set(types):
        raise Unsupported(f"type {types}")
    _require_known(schema, *(name for each in types for name in _KEYWORDS[each]))
    by_kind = {
        _KINDS[each]: compiled(
            {"type": each}
            | {name: schema[name] for name in _KEYWORDS[each] if name in schema},
            formats,
        )
        for each in types
    }

    def check(value: typing.Any) -> Failure | None:
        of_kind = by_kind.get(type(value))
        if of_kind is None:
            return Failure(value, schema, ["type"], value)
        return of_kind(value)

    return check


def _boolean(schema: Schema) -> Check:
    _require_known(schema)

    def check(value: typing.Any) -> Failure | None:
        return None if type(value) is bool else Failure(value, schema, ["type"], value)

    return check


def _require_known(schema: Schema, *keywords: str) -> None:
    unknown = schema.keys() - {"type", *keywords}
    if unknown:
        raise Unsupported(", ".join(sorted(unknown)))


def _any_of(schema: Schema, formats: jsonschema.FormatChecker) -> Check:
    _require_known(schema, "anyOf")
    alternatives = [compiled(each, formats) for each in schema["anyOf"]]

    def check(value: typing.Any) -> Failure | None:
        if any(alternative(value) is None for alternative in alternatives):
            return None
        return Failure(value, schema, schema, value)

    return check


def _object(schema: Schema, formats: jsonschema.FormatChecker) -> Check:
    _require_known(
        schema,
        "properties",
        "required",
        "minProperties",
        "patternProperties",
        "additionalProperties",
    )
    is_open = schema.get("additionalProperties", True)
    if not isinstance(is_open, bool):
        raise Unsupported("additionalProperties")
    has_one_pattern = len(schema.get("patternProperties", ())) == 1
    if has_one_pattern and not is_open and "properties" not in schema:
        return _keyed(schema, formats)
    properties = {
        name: compiled(each, formats)
        for name, each in schema.get("properties", {}).items()
    }
    patterns = [
        (pattern(text).search, text, compiled(each, formats))
        for text, each in schema.get("patternProperties", {}).items()
    ]
    frame = _frame(schema)

    def check(value: typing.Any) -> Failure | None:
        failure = frame(value)
        if failure is not None:
            return failure
        for name, member in value.items():
            known = properties.get(name)
            failure = known and known(member)
            if failure is not None:
                return failure.below(name, "properties", name)
            is_known = is_open or known is not None
            for matches, text, of_matching in patterns:
                if matches(name) is not None:
                    is_known = True
                    failure = of_matching(member)
                    if failure is not None:
                        return failure.below(name, "patternProperties", text)
            if not is_known:
                return _unknown(value, schema, name)
        return None

    return check


def _keyed(schema: Schema, formats: jsonschema.FormatChecker) -> Check:
    """Return the check of an object with keys of one pattern.

    A separate function, because it is faster for objects with many members.
    """
    ((text, of_members),) = schema["patternProperties"].items()
    matches, member_check = pattern(text).search, compiled(of_members, formats)
    frame = _frame(schema)

    def check(value: typing.Any) -> Failure | None:
        failure = frame(value)
        if failure is not None:
            return failure
        for name, member in value.items():
            if matches(name) is None:
                return _unknown(value, schema, name)
            failure = member_check(member)
            if failure is not None:
                return failure.below(name, "patternProperties", text)
        return None

    return check


def _unknown(value: dict[str, typing.Any], schema: Schema, name: str) -> Failure:
    return Failure(value, schema, ["additionalProperties"], {name: value[name]})


def _frame(schema: Schema) -> Check:
    """Return the check of an object except its members."""
    required = schema.get("required", ())
    at_least = schema.get("minProperties", 0)

    def check(value: typing.Any) -> Failure | None:
        if type(value) is not dict:
            return Failure(value, schema, ["type"], value)
        if len(value) < at_least:
            return Failure(value, schema, ["minProperties"], value)
        for name in required:
            if name not in value:
                present = dict.fromkeys(each for each in required if each in value)
                return Failure(value, schema, ["required"], present)
        return None

    return check


def _array(schema: Schema, formats: jsonschema.FormatChecker) -> Check:
    _require_known(schema, "items", "minItems", "maxItems", "uniqueItems")
    of_items = schema.get("items")
    if of_items is None:
        raise Unsupported("an array of anything")
    first_failure = _items(of_items, formats)
    at_least, at_most = schema.get("minItems", 0), schema.get("maxItems", math.inf)
    is_set = schema.get("uniqueItems", False)
    if is_set and of_items.get("type") != "string":
        raise Unsupported("uniqueItems of other things than strings")

    def check(value: typing.Any) -> Failure | None:
        if type(value) is not list:
            return Failure(value, schema, ["type"], value)
        if len(value) < at_least:
            return Failure(value, schema, ["minItems"], value)
        if len(value) > at_most:
            return Failure(value, schema, ["maxItems"], value)
        failure = first_failure(value)
        if failure is not None:
            return failure
        if is_set and len(set(value)) < len(value):
            return Failure(value, schema, ["uniqueItems"], value)
        return None

    return check


def _items(schema: Schema, formats: jsonschema.FormatChecker) -> Check:
    """Return the check of the items of a list."""
    item = compiled(schema, formats)
    if schema.get("type") == "string" and schema.keys().isdisjoint({"pattern", "enum"}):
        return _string_items(schema, item, _conforms(schema, formats))

    def check(values: list[typing.Any]) -> Failure | None:
        for index, each in enumerate(values):
            failure = item(each)
            if failure is not None:
                return failure.below(index, "items")
        return None

    return check


def _string_items(schema: Schema, item: Check, conforms: _Conforms | None) -> Check:
    """Return the check of a list of strings, which joins them to check them at once."""
    shortest, longest = schema.get("minLength", 0), schema.get("maxLength", math.inf)

    def find(values: list[typing.Any]) -> int | None:
        try:
            joined = "".join(values)
        except TypeError:
            return next(i for i, each in enumerate(values) if type(each) is not str)
        lengths = list(map(len, values))
        for extreme in (min(lengths), max(lengths)):
            if not shortest <= extreme <= longest:
                return lengths.index(extreme)
        other = NOT_TEXT.search(joined)
        if other is not None:
            ends = list(itertools.accumulate(lengths))
            return bisect.bisect_right(ends, other.start())
        if conforms is None:
            return None
        odd = (i for i, each in enumerate(values) if not conforms(each))
        return next(odd, None)

    def check(values: list[typing.Any]) -> Failure | None:
        index = find(values) if values else None
        failure = None if index is None else item(values[index])
        return failure and failure.below(typing.cast(int, index), "items")

    return check


def _string(schema: Schema, formats: jsonschema.FormatChecker) -> Check:
    _require_known(schema, "minLength", "maxLength", "pattern", "format", "enum")
    shortest, longest = schema.get("minLength", 0), schema.get("maxLength", math.inf)
    matches = pattern(schema["pattern"]).search if "pattern" in schema else None
    conforms, allowed = _conforms(schema, formats), schema.get("enum")
    has_other = NOT_TEXT.search

    def check(value: typing.Any) -> Failure | None:
        if (
            type(value) is str
            and shortest <= len(value) <= longest
            and has_other(value) is None
            and (matches is None or matches(value) is not None)
            and (conforms is None or conforms(value))
            and (allowed is None or value in allowed)
        ):
            return None
        return Failure(value, schema, schema, value)

    return check


def _conforms(schema: Schema, formats: jsonschema.FormatChecker) -> _Conforms | None:
    if "format" not in schema:
        return None
    return formats.checkers[schema["format"]][0]


def _number(schema: Schema) -> Check:
    _require_known(schema, "minimum", "maximum")
    types = schema.get("type")
    allowed = {types} if isinstance(types, str) else set(types or ())
    if not allowed or not allowed <= {"integer", "number", "null"}:
        raise Unsupported(f"type {types}")
    has_numbers = not allowed.isdisjoint({"integer", "number"})
    has_fractions, has_null = "number" in allowed, "null" in allowed
    lowest, highest = schema.get("minimum", -math.inf), schema.get("maximum", math.inf)

    def check(value: typing.Any) -> Failure | None:
        kind = type(value)
        if (
            has_numbers
            and (kind is int or (kind is float and (has_fractions or value % 1 == 0)))
            and lowest <= value <= highest
        ):
            return None
        if value is None and has_null:
            return None
        return Failure(value, schema, schema, value)

    return check


_OF_TYPE: dict[
    str, collections.abc.Callable[[Schema, jsonschema.FormatChecker], Check]
] = {"object": _object, "array": _array, "string": _string}
