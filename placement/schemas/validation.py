"""Validation of bodies and query strings against JSON schemas.

Messages are those of the jsonschema library, because clients read them. The keywords
below differ from the library's: ``$`` in a pattern matches only at the end of the
string, strings must not contain characters that databases cannot store, and messages
show only an excerpt of a value. For a large value, the first error is reported, which
``checks`` finds quickly; for a small one, the library selects the most relevant error.
"""

import collections.abc
import re
import typing

import jsonschema
from jsonschema import exceptions, validators
from jsonschema.protocols import Validator

from placement import exception, excerpt, uuids
from placement.api.microversion import Version
from placement.schemas import checks

Schema = collections.abc.Mapping[str, typing.Any]
Errors = collections.abc.Iterator[exceptions.ValidationError]

_STRICT_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

# Maximum length, in characters, of values that the library checks completely.
_SMALL = 4000


class Schemas:
    """The schemas of one body or query string, by version.

    ``steps`` has a schema for each version that changed it, oldest first. With
    ``strict_uuids`` the format ``uuid`` accepts only the notation with dashes.
    """

    def __init__(
        self, steps: dict[tuple[int, int], Schema], strict_uuids: bool = False
    ) -> None:
        formats = _STRICT_FORMATS if strict_uuids else _FORMATS
        self.steps: tuple[tuple[Version, Validator], ...] = tuple(
            (Version(*since), _Validator(schema, format_checker=formats))
            for since, schema in steps.items()
        )
        self._checks = {
            Version(*since): _check(schema, formats) for since, schema in steps.items()
        }

    def pick(self, version: Version) -> Validator:
        """Return the validator for ``version``.

        Raises LookupError for a version before the first step.
        """
        return self._step(version)[1]

    def _step(self, version: Version) -> tuple[Version, Validator]:
        for since, validator in reversed(self.steps):
            if version >= since:
                return since, validator
        raise LookupError(f"There is no schema at version {version}.")

    def find_error(
        self, instance: typing.Any, version: Version
    ) -> exceptions.ValidationError | None:
        """Return the error of ``instance`` at ``version``, None if it is valid.

        Of several errors, returns the most relevant one; for a large instance, the
        first one. Its message shows excerpts of the instance.
        """
        since, validator = self._step(version)
        check = self._checks[since]
        failure = None if check is None else check(instance)
        if check is not None and failure is None:
            return None
        error: exceptions.ValidationError | None = None
        if failure is not None and not excerpt.is_short(instance, _SMALL):
            error = _first_error(failure, validator)
        if error is None:
            error = typing.cast(
                exceptions.ValidationError | None,
                exceptions.best_match(validator.iter_errors(instance)),
            )
        return None if error is None else _shortened(error)

    def validate_body(self, body: typing.Any, version: Version) -> None:
        """Raise SchemaInvalid when ``body`` is invalid at ``version``."""
        error = self.find_error(body, version)
        if error is not None:
            raise exception.SchemaInvalid(reason=error)

    def validate_query(
        self, values: collections.abc.Mapping[str, str | int], version: Version
    ) -> None:
        """Raise QueryInvalid when ``values`` are invalid at ``version``.

        ``values`` has the last value of each parameter.
        """
        error = self.find_error(values, version)
        if error is not None:
            raise exception.QueryInvalid(reason=error)


def _check(schema: Schema, formats: jsonschema.FormatChecker) -> checks.Check | None:
    try:
        return checks.compiled(schema, formats)
    except checks.Unsupported:
        return None


def _first_error(
    failure: checks.Failure, validator: Validator
) -> exceptions.ValidationError | None:
    """Return the library's error for ``failure``."""
    here = validator.evolve(schema=failure.schema)
    for keyword in failure.keywords:
        value = failure.schema[keyword]
        check = _Validator.VALIDATORS[keyword]
        for error in check(here, value, failure.culprit, failure.schema) or ():
            return exceptions.ValidationError(
                error.message,
                validator=keyword,
                validator_value=value,
                instance=failure.instance,
                schema=failure.schema,
                path=failure.path,
                schema_path=[*failure.schema_path, keyword],
            )
    return None


def _shortened(error: exceptions.ValidationError) -> exceptions.ValidationError:
    """Replace values in ``error`` by excerpts."""
    error.instance = excerpt.Pretty(error.instance)
    error.path.extend(
        excerpt.of_text(name) if isinstance(name, str) else name
        for name in [error.path.popleft() for _ in range(len(error.path))]
    )
    return error


def _worded(
    is_violated: collections.abc.Callable[[Validator, typing.Any, typing.Any], object],
    phrase: collections.abc.Callable[[typing.Any], str],
) -> collections.abc.Callable[..., Errors]:
    """Return a keyword whose message has only an excerpt of the instance.

    ``is_violated`` takes the validator, the value of the keyword and the instance;
    ``phrase`` returns the rest of the message for the value of the keyword.
    """

    def keyword(
        validator: Validator, value: typing.Any, instance: typing.Any, _schema: Schema
    ) -> Errors:
        if is_violated(validator, value, instance):
            shown = excerpt.of_json(instance)
            yield exceptions.ValidationError(f"{shown} {phrase(value)}")

    return keyword


def _is_number(instance: typing.Any) -> bool:
    return isinstance(instance, int | float) and not isinstance(instance, bool)


def _has_format(validator: typing.Any, name: str, instance: typing.Any) -> bool:
    is_conforming, _ = validator.format_checker.checkers[name]
    return bool(is_conforming(instance))


def _has_duplicates(instance: typing.Any) -> bool:
    """Whether the library finds two equal items; in a long list, only among strings.

    For other items, the time of the library may grow quadratically.
    """
    if not isinstance(instance, list):
        return False
    if excerpt.is_short(instance):
        return any(_LIBRARY["uniqueItems"](_ANYTHING, True, instance, {}))
    strings = [each for each in instance if isinstance(each, str)]
    return len(set(strings)) < len(strings)


def _types(types: str | list[str]) -> str:
    return ", ".join(map(repr, [types] if isinstance(types, str) else types))


def _type(
    validator: Validator, types: str | list[str], instance: typing.Any, schema: Schema
) -> Errors:
    yield from _is_of_type(validator, types, instance, schema)
    if isinstance(instance, str) and checks.NOT_TEXT.search(instance):
        shown = excerpt.of_json(instance)
        yield exceptions.ValidationError(f"{shown} has characters that are not text")


_is_of_type = _worded(
    lambda validator, types, instance: (
        not any(
            validator.is_type(instance, each)
            for each in ([types] if isinstance(types, str) else types)
        )
    ),
    lambda types: f"is not of type {_types(types)}",
)


def _any_of(
    validator: typing.Any,
    alternatives: list[Schema],
    instance: typing.Any,
    _schema: Schema,
) -> Errors:
    context = []
    for index, alternative in enumerate(alternatives):
        errors = list(validator.descend(instance, alternative, schema_path=index))
        if not errors:
            return
        context += errors
    shown = excerpt.of_json(instance)
    yield exceptions.ValidationError(
        f"{shown} is not valid under any of the given schemas", context=context
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
        matches = checks.pattern(pattern).search
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
    searches = [checks.pattern(pattern).search for pattern in patterns]
    unknown = sorted(
        name
        for name in instance
        if name not in known and not any(search(name) for search in searches)
    )
    if not unknown:
        return
    names = _listed(unknown)
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


def _listed(names: list[str]) -> str:
    """Return excerpts of the first names, separated by commas."""
    shown: list[str] = []
    room = excerpt.LENGTH_MAX
    for name in names:
        if room < 0:
            return ", ".join([*shown, excerpt.CUT])
        shown.append(excerpt.of_json(name))
        room -= len(shown[-1]) + len(", ")
    return ", ".join(shown)


def _formats(
    is_uuid: collections.abc.Callable[[str], object],
) -> jsonschema.FormatChecker:
    checker = jsonschema.FormatChecker(formats=())
    # Values that are not strings are left to the keyword "type".
    checker.checks("uuid")(
        lambda value: not isinstance(value, str) or bool(is_uuid(value))
    )
    return checker


_FORMATS = _formats(
    # Most uuids have the usual notation, which is faster to check.
    lambda text: _STRICT_UUID.fullmatch(text) or uuids.canonical(text)
)
_STRICT_FORMATS = _formats(_STRICT_UUID.fullmatch)

_LIBRARY = jsonschema.Draft202012Validator.VALIDATORS
_ANYTHING = jsonschema.Draft202012Validator({})
_Validator = validators.extend(  # type: ignore[no-untyped-call]
    jsonschema.Draft202012Validator,
    {
        "type": _type,
        "maxLength": _worded(
            lambda _, longest, instance: (
                isinstance(instance, str) and len(instance) > longest
            ),
            lambda longest: "is too long" if longest else "is expected to be empty",
        ),
        "maxItems": _worded(
            lambda _, most, instance: (
                isinstance(instance, list) and len(instance) > most
            ),
            lambda most: f"has more than {most} items",
        ),
        "minimum": _worded(
            lambda _, lowest, instance: _is_number(instance) and instance < lowest,
            lambda lowest: f"is less than the minimum of {lowest!r}",
        ),
        "maximum": _worded(
            lambda _, highest, instance: _is_number(instance) and instance > highest,
            lambda highest: f"is greater than the maximum of {highest!r}",
        ),
        "pattern": _worded(
            lambda _, pattern, instance: (
                isinstance(instance, str)
                and not checks.pattern(pattern).search(instance)
            ),
            lambda pattern: f"does not match {pattern!r}",
        ),
        "enum": _worded(
            # Used only for strings, for which Python's equality is that of JSON.
            lambda _, allowed, instance: instance not in allowed,
            lambda allowed: f"is not one of {allowed!r}",
        ),
        "format": _worded(
            lambda validator, name, instance: (
                not _has_format(validator, name, instance)
            ),
            lambda name: f"is not a {name!r}",
        ),
        "uniqueItems": _worded(
            lambda _, is_set, instance: is_set and _has_duplicates(instance),
            lambda _: "has non-unique elements",
        ),
        "anyOf": _any_of,
        "patternProperties": _pattern_properties,
        "additionalProperties": _additional_properties,
    },
)
