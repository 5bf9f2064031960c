"""The examples of the API reference are correct, and it covers every operation."""

import pathlib
import re

import pytest

import placement
from placement.api import dispatch, routes
from placement.api.microversion import MAX_VERSION
from placement.web import app
from tests.functional import api_ref
from tests.servers import server

PACKAGE = pathlib.Path(placement.__file__).parent
PAGES = {page.name: page.read_text() for page in api_ref.pages()}
EXAMPLES = {name: api_ref.examples(name, text) for name, text in PAGES.items()}
OPERATIONS = {operation.name: operation for operation in routes.OPERATIONS}
# The operations outside the versioned API.
OURS = [each.name for each in app.Application(dispatch.application({})).operations()]
HEADINGS = {
    heading: name for name, text in PAGES.items() for heading in api_ref.headings(text)
}


@pytest.mark.parametrize("page", [name for name, found in EXAMPLES.items() if found])
def test_the_examples_of_a_page_are_correct(page: str, database_url: str) -> None:
    wrong = []
    with server.in_process(database_url, api_ref.OPTIONS) as application:
        for example in EXAMPLES[page]:
            response = api_ref.send(application, example.request)
            differences = api_ref.differences(example.response, response)
            if differences:
                where = f"api-ref/{page}:{example.line}: {example.request.first}"
                wrong.append("\n".join([where, *differences]))

    assert not wrong, "\n\n".join(wrong)


def test_every_operation_has_a_heading() -> None:
    assert HEADINGS.keys() == OPERATIONS.keys() | set(OURS)


@pytest.mark.parametrize("operation", [*OPERATIONS, *OURS])
def test_every_operation_has_an_example(operation: str) -> None:
    method, path = operation.split()
    pattern = re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path))
    shown = [
        example
        for example in EXAMPLES[HEADINGS[operation]]
        if example.operation == operation
        and example.method_and_path[0] == method
        and re.fullmatch(pattern, example.method_and_path[1])
    ]

    assert shown


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_has_its_first_version_and_its_rule(name: str) -> None:
    operation = OPERATIONS[name]
    section = api_ref.section(PAGES[HEADINGS[name]], name)

    assert f"Since {operation.since}." in section
    assert f"Policy: `{operation.rule}`" in section or operation.rule is None


def test_sections_named_in_docstrings_exist() -> None:
    titles = {
        title
        for text in PAGES.values()
        for title in re.findall(r"^#+ (.*)$", text, re.M)
    }
    code = (path.read_text() for path in PACKAGE.rglob("*.py"))
    named = {
        title
        for text in code
        for title in re.findall(r'API reference, "([^"]+)"', text)
    }

    assert named
    assert named <= titles


@pytest.mark.parametrize("minor", range(MAX_VERSION.minor + 1))
def test_the_history_has_an_entry_for_every_version(minor: int) -> None:
    assert PAGES["history.md"].count(f"\n## 1.{minor}\n") == 1


@pytest.mark.parametrize(
    ("text", "difference"),
    [
        ('200 OK\nContent-Type: application/json\n\n"<any>"', "status"),
        ('404 Not Found\nContent-Type: text/plain\n\n"<any>"', "header content-type"),
        ('404 Not Found\nAllow: GET\n\n"<any>"', "header allow"),
        ('404 Not Found\nContent-Type:\n\n"<any>"', "header content-type"),
        ('404 Not Found\n\n{"errors": []}', "body"),
        ("404 Not Found", "body"),
    ],
)
def test_a_wrong_example_is_found(
    text: str, difference: str, application: server.Application
) -> None:
    response = api_ref.send(application, api_ref.message("GET /nowhere"))

    (found,) = api_ref.differences(api_ref.message(text), response)

    assert found.startswith(difference)


@pytest.mark.parametrize(
    ("expected", "actual", "is_match"),
    [
        ("<any>", {"a": 1}, True),
        ("req-<uuid>", "req-5b3f0f0e-7a0b-4a6e-8f55-0b1f4d1b6c01", True),
        ("req-<uuid>", "req-5b3f", False),
        ("no <any> found", "no trait found", True),
        ("no <any> found", "no trait", False),
        ([1, "<more>"], [1, 2, 3], True),
        ([1, "<more>"], [2, 1], False),
        ([1], [1, 2], False),
        ({"a": 1, "<more>": "<any>"}, {"a": 1, "b": 2}, True),
        ({"a": 1, "<more>": "<any>"}, {"b": 2}, False),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        (1, True, False),
        (None, None, True),
    ],
)
def test_placeholders_match(expected: object, actual: object, is_match: bool) -> None:
    assert api_ref.matches(expected, actual) is is_match
