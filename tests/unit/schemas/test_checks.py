"""Compiled checks give the same results as the jsonschema library."""

import importlib
import itertools
import pkgutil
import sys

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placement import schemas
from placement.api.microversion import MAX_VERSION
from placement.schemas import (
    aggregate,
    allocation,
    checks,
    inventory,
    reshaper,
    resource_class,
    resource_provider,
    trait,
)
from placement.schemas.validation import Schemas

UUID = "b4cc2d1e-52a0-4d2a-8a3b-0123456789ab"
FORMATS = jsonschema.FormatChecker(formats=())
FORMATS.checks("uuid")(lambda value: not isinstance(value, str) or value == UUID)


def every_body():
    for module in pkgutil.iter_modules(schemas.__path__, "placement.schemas."):
        for name, value in vars(importlib.import_module(module.name)).items():
            is_body = not module.name.endswith("responses")
            if isinstance(value, Schemas) and is_body:
                for since, validator in value.steps:
                    yield pytest.param(
                        validator.schema, id=f"{module.name}.{name}-{since}"
                    )


@pytest.mark.parametrize("schema", list(every_body()))
def test_every_request_schema_has_a_check(schema):
    checks.compiled(schema, FORMATS)


@pytest.mark.parametrize(
    "schema",
    [
        {"const": 1},
        {},
        {"type": "integer", "multipleOf": 2},
        {"type": ["string", "integer"]},
        {"type": ["string", "null"], "minimum": 1},
        {"type": "array"},
        {"type": "array", "items": {"type": "integer"}, "uniqueItems": True},
        {"type": "object", "additionalProperties": {"type": "integer"}},
    ],
)
def test_an_unsupported_schema_has_no_check(schema):
    with pytest.raises(checks.Unsupported):
        checks.compiled(schema, FORMATS)


LEAVES = [
    {"type": "integer"},
    {"type": "integer", "minimum": 1, "maximum": 3},
    {"type": "number", "minimum": 0.5},
    {"type": ["integer", "null"]},
    {"type": "string"},
    {"type": "string", "minLength": 1, "maxLength": 2},
    {"type": "string", "pattern": "^a"},
    {"type": "string", "enum": ["a", "b"]},
    {"type": "string", "format": "uuid"},
    {"type": "boolean"},
    {"type": ["string", "null"], "maxLength": 2},
    {
        "type": ["string", "array"],
        "format": "uuid",
        "items": {"type": "string", "format": "uuid"},
        "maxItems": 1,
    },
    {
        "type": ["string", "object"],
        "minProperties": 1,
        "patternProperties": {"^a": {"type": "integer"}},
        "additionalProperties": False,
    },
    {"anyOf": [{"type": "string", "format": "uuid"}, {"type": "null"}]},
]
VALUES = [
    *(None, True, False, 0, 1, 2, 3.0, 4, 0.5, 1.5, -1, 10**30),
    *("", "a", "ab", "abc", "b", UUID),
    *([], [1], ["a"], ["a", "a"], ["a", "b"], ["a", 1], ["b", "abc", ""], [UUID]),
    *({}, {"a": 1}, {"b": 1}, {"a": 1, "b": "b"}, {"a": "a", "x": 1}, {"x": 1}),
]


def composed():
    yield from LEAVES
    for leaf in LEAVES:
        yield {"type": "array", "items": leaf}
        yield {"type": "array", "items": leaf, "minItems": 1}
        for is_open, required in itertools.product((True, False), ([], ["a"])):
            yield {
                "type": "object",
                "properties": {"a": leaf},
                "required": required,
                "additionalProperties": is_open,
            }
            yield {
                "type": "object",
                "minProperties": len(required),
                "patternProperties": {"^[ab]": leaf},
                "additionalProperties": is_open,
            }
            yield {
                "type": "object",
                "properties": {"a": leaf},
                "patternProperties": {"^a": {"type": "integer"}, "b": leaf},
                "additionalProperties": is_open,
            }
    for leaf in LEAVES[4:6] + LEAVES[7:8]:
        yield {"type": "array", "items": leaf, "uniqueItems": True}


@pytest.mark.parametrize("schema", list(composed()), ids=str)
def test_a_check_refuses_what_the_library_refuses(schema):
    check = checks.compiled(schema, FORMATS)
    library = jsonschema.Draft202012Validator(schema, format_checker=FORMATS)
    for value in VALUES:
        failure = check(value)

        assert (failure is None) == library.is_valid(value), value
        if failure is not None:
            # The library also finds an error at this path.
            found = {tuple(error.absolute_path) for error in library.iter_errors(value)}
            assert tuple(failure.path) in found


ONE = {
    "allocations": {UUID: {"resources": {"VCPU": 1}}},
    "project_id": "p",
    "user_id": "u",
    "consumer_generation": None,
    "consumer_type": "X",
    "mappings": {"": [UUID]},
}
BODIES = [
    (resource_provider.CREATE, {"name": "a", "parent_provider_uuid": None}),
    (resource_provider.UPDATE, {"name": "a", "parent_provider_uuid": UUID}),
    (inventory.CREATE, {"resource_class": "VCPU", "total": 1}),
    (
        inventory.REPLACE_ALL,
        {"resource_provider_generation": 1, "inventories": {"VCPU": {"total": 1}}},
    ),
    (inventory.REPLACE_ONE, {"resource_provider_generation": 1, "total": 1}),
    (aggregate.REPLACE, {"resource_provider_generation": 1, "aggregates": [UUID]}),
    (trait.REPLACE, {"resource_provider_generation": 1, "traits": ["A"]}),
    (allocation.REPLACE, ONE),
    (allocation.REPLACE_SEVERAL, {UUID: ONE}),
    (
        reshaper.RESHAPE,
        {
            "inventories": {
                UUID: {"resource_provider_generation": 1, "inventories": {}}
            },
            "allocations": {UUID: ONE},
        },
    ),
    (resource_class.CREATE, {"name": "CUSTOM_A"}),
]


def places(value, path=()):
    """Yield the path of each part of ``value``."""
    yield path
    if isinstance(value, dict | list):
        members = value.items() if isinstance(value, dict) else enumerate(value)
        for name, each in members:
            yield from places(each, (*path, name))


def replaced(value, path, new):
    """Return a copy of ``value`` with ``new`` at ``path``."""
    if not path:
        return new
    copy = value.copy()
    copy[path[0]] = replaced(value[path[0]], path[1:], new)
    return copy


def library_of(steps):
    ours = steps.pick(MAX_VERSION)
    return jsonschema.Draft202012Validator(
        ours.schema, format_checker=ours.format_checker
    )


@pytest.mark.parametrize(("steps", "body"), BODIES)
@settings(max_examples=30, deadline=None)
@given(
    st.none()
    | st.integers(-1, 2)
    | st.floats(0, 3)
    | st.text(alphabet="aA-\n", max_size=20)
    | st.lists(st.sampled_from([1, "A", UUID, [], {}, 1.0, True]), max_size=4)
    | st.dictionaries(st.sampled_from(["a", "VCPU", UUID]), st.integers(0, 1))
)
def test_small_bodies_get_the_messages_of_the_library(steps, body, new):
    library = library_of(steps)
    assert steps.find_error(body, MAX_VERSION) is None
    for path in places(body):
        wrong = replaced(body, path, new)
        expected = jsonschema.exceptions.best_match(library.iter_errors(wrong))
        error = steps.find_error(wrong, MAX_VERSION)

        # The two differ in whether a pattern can end before a line break.
        if "\\n" not in repr(new):
            assert str(error) == str(expected)


LARGE = {
    "numbers": [1] * 10_000,
    "strings": ["A"] * 10_000,
    "strings and a number": [*["A"] * 10_000, 1],
    "strings and an empty one": [*["A"] * 10_000, ""],
    "strings with a NUL": [*["A"] * 10_000, "A\0"],
    "lists": [[]] * 10_000,
    "uuids and another": [*[f"{UUID[:-8]}{n:08}" for n in range(10_000)], "x"],
    "equal uuids": [UUID] * 10_000,
    "a string": "A" * 100_000,
    "NULs": "\0" * 100_000,
    "a member with a long name": {"A" * 100_000: 0},
    "many members": {f"A{n}": 0 for n in range(10_000)},
    "members and another": {f"A{n}": 1 for n in range(10_000)} | {"A": 0},
    "lower members": {f"a{n}": 1 for n in range(10_000)},
    "members and a lower one": {f"A{n}": 1 for n in range(10_000)} | {"a": 1},
}


def calls(work):
    """Return the number of function calls during ``work``."""
    count = 0

    def profile(_frame, event, _arg):
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(profile)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize(("steps", "body"), BODIES)
def test_a_large_body_gets_a_short_message_quickly(steps, body):
    schema_length = len(str(steps.pick(MAX_VERSION).schema))
    refused = 0
    for path in places(body):
        for name, new in LARGE.items():
            wrong = replaced(body, path, new)
            texts = []
            count = calls(
                lambda wrong=wrong, texts=texts: texts.append(
                    str(steps.find_error(wrong, MAX_VERSION))
                )
            )
            if texts == ["None"]:
                continue
            refused += 1
            (text,) = texts
            assert "Failed validating" in text, (path, name)
            # The message indents the lines of the schema.
            assert len(text) < 2000 + 6 * schema_length, (path, name)
            for repeated in ("A" * 201, "1, " * 70, "'A', " * 50):
                assert repeated not in text, (path, name)
            # The library needs dozens of calls for each member.
            assert count < 5000 + 6 * 10_000, (path, name, count)
    assert refused > len(LARGE)


def test_a_large_body_gets_its_first_error_with_its_path():
    several = {f"A{n}": {"total": 1} for n in range(1000)} | {"LAST": {"total": 0}}
    body = {"resource_provider_generation": 1, "inventories": several}

    text = str(inventory.REPLACE_ALL.find_error(body, MAX_VERSION))

    assert text.startswith("0 is less than the minimum of 1\n")
    assert (
        "Failed validating 'minimum' in schema['properties']['inventories']"
        "['patternProperties']['^[A-Z0-9_]+$']['properties']['total']:"
    ) in text
    assert text.endswith("On instance['inventories']['LAST']['total']:\n    0")
