"""Checking bodies and query strings against JSON schemas.

The schemas are checked by the jsonschema library, whose texts clients read. It
differs in a few things, each of which is a keyword below: a pattern is held to the
end of the string, text that no database stores is not a string, and lists of strings
are checked at once.
"""

import collections.abc
import functools
import math
import re
import typing

import jsonschema
from jsonschema import exceptions, validators
from jsonschema.protocols import Validator

from placement import exception, uuids
from placement.microversion import Version

Schema = collections.abc.Mapping[str, typing.Any]
Errors = collections.abc.Iterator[exceptions.ValidationError]

_STRICT_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

# NUL, and half of a surrogate pair.
_NOT_TEXT = re.compile("[\0\ud800-\udfff]")

# What the schema of a text may ask for to be checked without the library.
_OF_TEXTS = {"type", "minLength", "maxLength"}


class Schemas:
    """The schemas of one body or query string, by the version they came with.

    ``steps`` has a schema for each version that changed it, the oldest first. With
    ``strict_uuids`` the format ``uuid`` is the usual notation only.
    """

    def __init__(
        self, steps: dict[tuple[int, int], Schema], strict_uuids: bool = False
    ) -> None:
        formats = _STRICT_FORMATS if strict_uuids else _FORMATS
        self.steps: tuple[tuple[Version, Validator], ...] = tuple(
            (Version(*since), _Validator(schema, format_checker=formats))
            for since, schema in steps.items()
        )

    def pick(self, version: Version) -> Validator:
        """Return the validator of ``version``.

        Raises LookupError for a version before the first step.
        """
        for since, validator in reversed(self.steps):
            if version >= since:
                return validator
        raise LookupError(f"There is no schema at version {version}.")

    def validate_body(self, body: typing.Any, version: Version) -> None:
        """Raise SchemaInvalid when ``body`` breaks the schema of ``version``."""
        error = find_error(body, self.pick(version))
        if error is not None:
            raise exception.SchemaInvalid(reason=error)

    def validate_query(self, values: dict[str, str], version: Version) -> None:
        """Raise QueryInvalid when ``values`` break the schema of ``version``.

        ``values`` has the last value of each parameter.
        """
        error = find_error(values, self.pick(version))
        if error is not None:
            raise exception.QueryInvalid(reason=error)


def find_error(
    instance: typing.Any, validator: Validator
) -> exceptions.ValidationError | None:
    """Find what is wrong with ``instance``; of several errors the most telling."""
    found: exceptions.ValidationError | None = exceptions.best_match(
        validator.iter_errors(instance)
    )
    return found


@functools.cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """Compile ``pattern``, in which ``$`` is the end of the string and nothing else.

    Python's own ``$`` also matches before a line break at the end.
    """
    return re.compile(pattern.replace("$", r"\Z"))


def _type(
    validator: Validator, types: str | list[str], instance: typing.Any, schema: Schema
) -> Errors:
    yield from _LIBRARY["type"](validator, types, instance, schema) or ()
    if isinstance(instance, str) and _NOT_TEXT.search(instance):
        yield exceptions.ValidationError(
            f"{instance!r} has characters that are not text"
        )


def _pattern(
    validator: Validator, pattern: str, instance: typing.Any, schema: Schema
) -> Errors:
    if isinstance(instance, str) and not _compiled(pattern).search(instance):
        yield exceptions.ValidationError(f"{instance!r} does not match {pattern!r}")


def _items(
    validator: Validator, items: typing.Any, instance: typing.Any, schema: Schema
) -> Errors:
    # The library makes a validator for each item, and a host has dozens of traits.
    if not _are_texts(items, instance):
        yield from _LIBRARY["items"](validator, items, instance, schema) or ()


def _are_texts(items: typing.Any, instance: typing.Any) -> bool:
    """Say of a list that it has strings of the right lengths, if no more is asked."""
    if not (isinstance(instance, list) and items.get("type") == "string"):
        return False
    if not items.keys() <= _OF_TEXTS:
        return False
    shortest, longest = items.get("minLength", 0), items.get("maxLength", math.inf)
    return all(
        isinstance(each, str)
        and shortest <= len(each) <= longest
        and not _NOT_TEXT.search(each)
        for each in instance
    )


def _pattern_properties(
    validator: typing.Any,
    patterns: dict[str, Schema],
    instance: typing.Any,
    schema: Schema,
) -> Errors:
    if not isinstance(instance, dict):
        return
    for pattern, subschema in patterns.items():
        matches = _compiled(pattern).search
        for name, value in instance.items():
            if matches(name):
                yield from validator.descend(
                    value, subschema, path=name, schema_path=pattern
                )


def _additional_properties(
    validator: Validator, allowed: bool, instance: typing.Any, schema: Schema
) -> Errors:
    if allowed or not isinstance(instance, dict):
        return
    known = schema.get("properties", {})
    patterns = schema.get("patternProperties", {})
    unknown = sorted(
        name
        for name in instance
        if name not in known
        and not any(_compiled(pattern).search(name) for pattern in patterns)
    )
    if not unknown:
        return
    names = ", ".join(map(repr, unknown))
    if patterns:
        verb = "does" if len(unknown) == 1 else "do"
        regexes = ", ".join(map(repr, sorted(patterns)))
        yield exceptions.ValidationError(
            f"{names} {verb} not match any of the regexes: {regexes}"
        )
    else:
        verb = "was" if len(unknown) == 1 else "were"
        yield exceptions.ValidationError(
            f"Additional properties are not allowed ({names} {verb} unexpected)"
        )


def _formats(
    is_uuid: collections.abc.Callable[[str], object],
) -> jsonschema.FormatChecker:
    checker = jsonschema.FormatChecker(formats=())
    # What is not a string breaks the keyword "type", and is none of a format's.
    checker.checks("uuid")(
        lambda value: not isinstance(value, str) or bool(is_uuid(value))
    )
    return checker


_FORMATS = _formats(uuids.canonical)
_STRICT_FORMATS = _formats(_STRICT_UUID.fullmatch)

_LIBRARY = jsonschema.Draft202012Validator.VALIDATORS
_Validator = validators.extend(  # type: ignore[no-untyped-call]
    jsonschema.Draft202012Validator,
    {
        "type": _type,
        "pattern": _pattern,
        "items": _items,
        "patternProperties": _pattern_properties,
        "additionalProperties": _additional_properties,
    },
)
