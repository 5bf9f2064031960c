"""Validation and its error messages."""

import importlib
import itertools
import pkgutil

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from placement import exception, schemas
from placement.api.microversion import MAX_VERSION, Version
from placement.schemas.validation import Schemas

V1_0 = Version(1, 0)


def refusal(schema, instance, **options):
    """Return the error message; None if the instance is valid."""
    try:
        Schemas({(1, 0): schema}, **options).validate_body(instance, V1_0)
    except exception.SchemaInvalid as invalid:
        return str(invalid)
    return None


def test_an_invalid_body_gets_the_message_of_the_library():
    schema = {"type": "object", "properties": {"total": {"minimum": 1}}}

    assert refusal(schema, {"total": 0}) == (
        "JSON does not validate: 0 is less than the minimum of 1\n\n"
        "Failed validating 'minimum' in schema['properties']['total']:\n"
        "    {'minimum': 1}\n\n"
        "On instance['total']:\n"
        "    0"
    )


def test_an_invalid_query_gets_a_message_of_its_own():
    step = Schemas({(1, 0): {"properties": {"limit": {"pattern": "^[1-9]$"}}}})

    with pytest.raises(
        exception.QueryInvalid,
        match=r"^Invalid query string parameters: '0' does not match '\^\[1-9\]\$'",
    ):
        step.validate_query({"limit": "0"}, V1_0)


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("1.2", "a"),
        ("1.4", "a"),
        ("1.5", "b"),
        ("1.6", "b"),
        ("1.7", "c"),
        ("1.39", "c"),
    ],
)
def test_a_schema_is_valid_from_its_version_on(version, expected):
    steps = Schemas(
        {(1, 2): {"const": "a"}, (1, 5): {"const": "b"}, (1, 7): {"const": "c"}}
    )
    asked = Version(*map(int, version.split(".")))

    accepted = [c for c in "abc" if steps.find_error(c, asked) is None]

    assert accepted == [expected]


def test_there_is_no_schema_before_the_first():
    with pytest.raises(LookupError):
        Schemas({(1, 2): {}}).pick(Version(1, 1))


@pytest.mark.parametrize(
    ("schema", "good"),
    [
        ({"type": "string", "pattern": "^[A-Z]+$"}, "A"),
        ({"type": "string", "pattern": "^[A-Z]+$|^unknown$"}, "unknown"),
    ],
)
def test_a_line_break_does_not_end_a_value(schema, good):
    assert refusal(schema, good) is None
    assert f"does not match {schema['pattern']!r}" in refusal(schema, good + "\n")


def test_a_line_break_does_not_end_a_key():
    schema = {
        "patternProperties": {"^[A-Z]+$": {"type": "integer"}},
        "additionalProperties": False,
    }

    assert refusal(schema, {"A": 1}) is None
    assert "'a' is not of type 'integer'" in refusal(schema, {"A": "a"})
    assert r"'A\n' does not match any of the regexes: '^[A-Z]+$'" in refusal(
        schema, {"A\n": 1}
    )


@pytest.mark.parametrize(
    ("schema", "instance", "text"),
    [
        ({}, {"x": 1}, "Additional properties are not allowed ('x' was unexpected)"),
        (
            {"properties": {"a": {}}},
            {"y": 1, "a": 1, "x": 1},
            "Additional properties are not allowed ('x', 'y' were unexpected)",
        ),
        (
            {"patternProperties": {"^b$": {}, "^a$": {}}},
            {"a": 1, "y": 1, "x": 1},
            "'x', 'y' do not match any of the regexes: '^a$', '^b$'",
        ),
    ],
)
def test_unknown_properties_are_named(schema, instance, text):
    assert text in refusal(schema | {"additionalProperties": False}, instance)


@given(
    st.dictionaries(st.sampled_from(["a", "b", "A1", "x", ""]), st.integers()),
    st.sets(st.sampled_from(["a", "x"])),
    st.sets(st.sampled_from(["^[A-Z]", "b", "^$|x"])),
    st.booleans(),
)
def test_unknown_properties_are_those_of_the_library(instance, known, patterns, extra):
    schema = {
        "properties": {name: {"minimum": 0} for name in known},
        "patternProperties": {pattern: {"maximum": 9} for pattern in patterns},
        "additionalProperties": extra,
    }
    if not patterns:
        del schema["patternProperties"]
    error = Schemas({(1, 0): schema}).find_error(instance, V1_0)

    library = jsonschema.Draft202012Validator(schema)
    assert str(error) == str(
        jsonschema.exceptions.best_match(library.iter_errors(instance))
    )


UUID = {"type": "string", "format": "uuid"}


@pytest.mark.parametrize(
    ("value", "is_strict"),
    [
        ("b4cc2d1e-52a0-4d2a-8a3b-0123456789ab", True),
        ("B4CC2D1E-52A0-4D2A-8A3B-0123456789AB", True),
        ("b4cc2d1e52a04d2a8a3b0123456789ab", False),
        ("{b4cc2d1e-52a0-4d2a-8a3b-0123456789ab}", False),
        ("urn:uuid:b4cc2d1e-52a0-4d2a-8a3b-0123456789ab", False),
    ],
)
def test_a_uuid_has_several_notations(value, is_strict):
    assert refusal(UUID, value) is None
    assert (refusal(UUID, value, strict_uuids=True) is None) == is_strict


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize(
    "value",
    [
        "",
        "x",
        "b4cc2d1e-52a0-4d2a-8a3b-0123456789a",
        "b4cc2d1e-52a0-4d2a-8a3b-0123456789ag",
        "b4cc2d1e-52a0-4d2a-8a3b-0123456789ab\n",
        "b4cc2d1e_52a0_4d2a_8a3b_0123456789ab",
    ],
)
def test_other_text_is_not_a_uuid(value, strict):
    assert "is not a 'uuid'" in refusal(UUID, value, strict_uuids=strict)


def test_a_format_is_for_strings_only():
    schema = {"type": ["string", "null"], "format": "uuid"}

    assert refusal(schema, None) is None
    assert "7 is not of type 'string', 'null'" in refusal(schema, 7)


@pytest.mark.parametrize("value", ["a\0", "\ud800", "a\udfffb"])
def test_a_nul_or_a_surrogate_is_refused(value):
    text = refusal({"type": "string"}, value)

    assert text.startswith("JSON does not validate: ")
    text.encode()


@pytest.mark.parametrize("value", ["", "é", "\U0001f600", "\x01", "\ud7ff\ue000"])
def test_other_characters_are_accepted(value):
    assert refusal({"type": "string"}, value) is None


@pytest.mark.parametrize("value", [2, 2.0, 2**70, -1])
def test_an_integer_can_have_a_zero_fraction(value):
    assert refusal({"type": "integer"}, value) is None


@pytest.mark.parametrize("value", [2.5, True, "2", None])
def test_other_numbers_are_not_integers(value):
    assert "is not of type 'integer'" in refusal({"type": "integer"}, value)


def every_step():
    for module in pkgutil.iter_modules(schemas.__path__, "placement.schemas."):
        for name, value in vars(importlib.import_module(module.name)).items():
            if isinstance(value, Schemas):
                for since, validator in value.steps:
                    yield pytest.param(
                        since, validator, id=f"{module.name}.{name}-{since}"
                    )


@pytest.mark.parametrize(("since", "validator"), list(every_step()))
def test_a_schema_is_valid_json_schema(since, validator):
    jsonschema.Draft202012Validator.check_schema(validator.schema)

    assert V1_0 <= since <= MAX_VERSION


def test_steps_must_be_in_order():
    ids = [step.id for step in every_step()]
    by_name = {}
    for step in every_step():
        by_name.setdefault(step.id.rpartition("-")[0], []).append(step.values[0])

    assert len(ids) == len(set(ids)) > len(by_name)
    assert all(steps == sorted(set(steps)) for steps in by_name.values())


@pytest.mark.parametrize("kind", ["string", "integer"])
@pytest.mark.parametrize("more", [{}, {"pattern": "^[a-b]+$"}])
@pytest.mark.parametrize("shortest", [{}, {"minLength": 1}, {"minLength": 2}])
@pytest.mark.parametrize("longest", [{}, {"maxLength": 0}, {"maxLength": 2}])
def test_a_list_gets_the_error_of_its_first_invalid_item(kind, more, shortest, longest):
    schema = {"type": kind, **more, **shortest, **longest}
    items = ["", "a", "ab", "abc", 0, None, "a\0", "a\ud800"]
    refused = {item: refusal(schema, item) for item in items}
    for count in (0, 1, 2):
        for instance in itertools.product(items, repeat=count):
            whole = refusal({"items": schema}, list(instance))

            assert (whole is None) == all(refused[item] is None for item in instance)
            # The message of the library contains the item.
            assert whole is None or "On instance[" in whole


def test_items_are_checked_only_in_a_list():
    assert refusal({"items": {"type": "string", "minLength": 5}}, "abc") is None
