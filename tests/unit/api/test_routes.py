"""The rows of the operations are consistent, and have a rule, a story and a page."""

import functools
import importlib
import pathlib
import pkgutil
import re

import pytest

from placement import handlers, policies
from placement.api import openapi, routes
from placement.api.microversion import MIN_VERSION
from placement.api.operation import Check, Operation
from tests.functional import stories
from tests.unit import versions

TESTS = pathlib.Path(__file__).parents[2]
PAGES = TESTS.parent / "api-ref"
METHODS = ("GET", "POST", "PUT", "DELETE")

OPERATIONS = {each.name: each for each in routes.OPERATIONS}
RULES = {rule.name for rule in policies.list_rules()}


def each_operation(*, but=()):
    return pytest.mark.parametrize(
        "operation",
        [pytest.param(one, id=name) for name, one in OPERATIONS.items() if name != but],
    )


def declared():
    for found in pkgutil.iter_modules(handlers.__path__):
        module = importlib.import_module(f"placement.handlers.{found.name}")
        for value in vars(module).values():
            if isinstance(value, Operation):
                yield value


def test_every_operation_of_a_handler_module_is_served():
    served = [id(each) for each in routes.OPERATIONS]

    assert {id(each) for each in declared()} == set(served)
    assert len(served) == len(OPERATIONS)


@each_operation()
def test_a_version_is_checked_if_and_only_if_it_may_be_too_old(operation):
    assert (Check.VERSION in operation.checks) is (operation.since > MIN_VERSION)


@each_operation()
def test_the_policy_is_checked_if_and_only_if_there_is_a_rule(operation):
    assert (Check.POLICY in operation.checks) is (operation.rule is not None)
    assert operation.rule is None or operation.rule in RULES


def test_only_the_version_document_is_open_to_all():
    assert [one.name for one in routes.OPERATIONS if one.rule is None] == ["GET /"]


@each_operation()
def test_a_media_type_is_checked_if_and_only_if_there_is_a_body(operation):
    assert (Check.CONTENT_TYPE in operation.checks) is (operation.body is not None)
    assert operation.body_until is None or operation.body is not None


@each_operation(but="GET /")
def test_reads_that_answer_with_json_check_that_it_is_accepted(operation):
    reads_json = operation.method == "GET" and operation.answers[0].body is not None

    assert (Check.ACCEPT in operation.checks) is reads_json


def test_an_operation_has_schemas_and_an_answer_at_each_of_its_versions():
    for name, operation, version in versions.served():
        if operation.body is not None:
            assert operation.body.pick(version), name
        if operation.query is not None:
            assert operation.query.pick(version), name
        answers = operation.answers_at(version)
        assert answers, (name, version)
        assert all(one.body is None or one.body.pick(version) for one in answers)


def test_a_parameter_has_a_text_if_and_only_if_a_version_has_it():
    known = {name: set() for name in OPERATIONS}
    for name, operation, version in versions.served():
        if operation.query is not None:
            known[name] |= set(operation.query.pick(version).schema["properties"])

    assert known == {name: set(one.parameters) for name, one in OPERATIONS.items()}


@each_operation()
def test_a_variable_of_a_path_has_a_text(operation):
    variables = set(re.findall(r"\{(\w+)\}", operation.path))

    assert variables <= openapi.PATH_PARAMETERS.keys()


def requests_of(story):
    """Yield the method and the path of every step, without the query string."""
    defaults = story.get("defaults", {})
    for step in story["tests"]:
        given = {**defaults, **step}
        url = given.get("url", "")
        method = given.get("method", "GET")
        for short in METHODS:
            if short in step:
                method, url = short, step[short]
        yield method, url.partition("?")[0]


@functools.cache
def requested():
    """Return the requests of all stories, which take long to parse."""
    read = map(stories.read, stories.PATHS)
    return {request for story in read for request in requests_of(story)}


@each_operation()
def test_an_operation_has_a_story(operation):
    pattern = re.compile(re.sub(r"\{\w+\}", "[^/]+", operation.path))

    assert any(
        each == operation.method and pattern.fullmatch(url) is not None
        for each, url in requested()
    )


@each_operation()
def test_an_operation_has_a_page(operation):
    name = re.escape(operation.name)
    heading = re.compile(rf"^#+ `?{name}`?\s*$", re.MULTILINE)

    assert any(heading.search(page.read_text()) for page in PAGES.glob("*.md"))
