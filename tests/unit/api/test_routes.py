"""The table of operations, and what belongs to each of them elsewhere."""

import pathlib
import re

import pytest
import yaml

from placement import policies
from placement.api import contract, routes
from placement.api.microversion import Version

TESTS = pathlib.Path(__file__).parents[2]
PAGES = TESTS.parent / "api-ref"
STORIES = TESTS / "functional" / "gabbits"
METHODS = ("GET", "POST", "PUT", "DELETE")

PROVIDER = "/resource_providers/{uuid}"

# Method and path, the first version, and the checks in their order: Version,
# Accept, Content type, Policy. Those of a handler are not in the table.
TABLE = (
    ("GET /", (1, 0), ""),
    ("GET /resource_providers", (1, 0), "AP"),
    ("POST /resource_providers", (1, 0), "CP"),
    (f"GET {PROVIDER}", (1, 0), "AP"),
    (f"PUT {PROVIDER}", (1, 0), "CP"),
    (f"DELETE {PROVIDER}", (1, 0), "P"),
    (f"GET {PROVIDER}/inventories", (1, 0), "AP"),
    (f"POST {PROVIDER}/inventories", (1, 0), "CP"),
    (f"PUT {PROVIDER}/inventories", (1, 0), "CP"),
    (f"DELETE {PROVIDER}/inventories", (1, 5), "VP"),
    (f"GET {PROVIDER}/inventories/{{resource_class}}", (1, 0), "AP"),
    (f"PUT {PROVIDER}/inventories/{{resource_class}}", (1, 0), "CP"),
    (f"DELETE {PROVIDER}/inventories/{{resource_class}}", (1, 0), "P"),
    (f"GET {PROVIDER}/usages", (1, 0), "AP"),
    (f"GET {PROVIDER}/aggregates", (1, 1), "AVP"),
    (f"PUT {PROVIDER}/aggregates", (1, 1), "CVP"),
    (f"GET {PROVIDER}/traits", (1, 6), "VAP"),
    (f"PUT {PROVIDER}/traits", (1, 6), "VCP"),
    (f"DELETE {PROVIDER}/traits", (1, 6), "VP"),
    (f"GET {PROVIDER}/allocations", (1, 0), "AP"),
    ("GET /resource_classes", (1, 2), "VAP"),
    ("POST /resource_classes", (1, 2), "VCP"),
    ("GET /resource_classes/{name}", (1, 2), "VAP"),
    ("PUT /resource_classes/{name}", (1, 2), "VCP"),
    ("DELETE /resource_classes/{name}", (1, 2), "VP"),
    ("GET /traits", (1, 6), "VAP"),
    ("GET /traits/{name}", (1, 6), "VP"),
    ("PUT /traits/{name}", (1, 6), "VP"),
    ("DELETE /traits/{name}", (1, 6), "VP"),
    ("GET /allocations/{consumer_uuid}", (1, 0), "AP"),
    ("PUT /allocations/{consumer_uuid}", (1, 0), "CP"),
    ("DELETE /allocations/{consumer_uuid}", (1, 0), "P"),
    ("POST /allocations", (1, 13), "VCP"),
    ("GET /usages", (1, 9), "VAP"),
    ("GET /allocation_candidates", (1, 10), "VAP"),
    ("POST /reshaper", (1, 30), "VCP"),
)

OPERATIONS = {f"{each.method} {each.path}": each for each in routes.OPERATIONS}
RULES = {rule.name: rule for rule in policies.list_rules()}


def test_these_are_the_operations():
    table = tuple((name, each.since, each.checks) for name, each in OPERATIONS.items())

    assert table == TABLE
    assert len(routes.OPERATIONS) == len(OPERATIONS)


def test_only_taking_all_inventories_away_tells_older_versions_of_its_path():
    told = {name for name, each in OPERATIONS.items() if each.too_old_status != 404}

    assert told == {f"DELETE {PROVIDER}/inventories"}


def test_only_resource_classes_stop_taking_a_body():
    until = {name: each.body_until for name, each in OPERATIONS.items()}

    assert {name: last for name, last in until.items() if last is not None} == {
        "PUT /resource_classes/{name}": Version(1, 6)
    }


@pytest.mark.parametrize("name", sorted(OPERATIONS.keys() - {"GET /"}))
def test_an_operation_has_a_policy_rule_that_names_it(name):
    rule = RULES[OPERATIONS[name].rule]

    assert name in {f"{each['method']} {each['path']}" for each in rule.operations}
    assert "P" in OPERATIONS[name].checks


def test_the_version_document_is_for_everybody():
    assert OPERATIONS["GET /"].rule is None


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_has_a_schema_if_and_only_if_it_takes_a_body(name):
    has_schema = contract.CONTRACTS[name].body is not None

    assert has_schema is ("C" in OPERATIONS[name].checks)


def requests_of(story):
    """Yield method and path of every step, without its query string."""
    defaults = story.get("defaults", {})
    for step in story["tests"]:
        given = {**defaults, **step}
        url = given.get("url", "")
        method = given.get("method", "GET")
        for short in METHODS:
            if short in step:
                method, url = short, step[short]
        yield method, url.partition("?")[0]


def told():
    stories = [yaml.safe_load(path.read_text()) for path in STORIES.glob("*.yaml")]
    return {request for story in stories for request in requests_of(story)}


TOLD = told()


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_has_a_story(name):
    method, path = name.split()
    pattern = re.compile(re.sub(r"\{\w+\}", "[^/]+", path))

    assert any(
        each == method and pattern.fullmatch(url) is not None for each, url in TOLD
    )


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_has_a_page(name):
    heading = re.compile(rf"^#+ `?{re.escape(name)}`?\s*$", re.MULTILINE)

    assert any(heading.search(page.read_text()) for page in PAGES.glob("*.md"))
