"""Run every story of ``gabbits/`` on every database, and explain empty searches."""

import functools
import json
import pathlib
import unittest
from unittest import mock

import httpx
import jsonpath_ng.ext
import pytest
from gabbi import case, handlers, suitemaker

from tests.functional import fixtures, invariants, stories
from tests.functional.explaining import Explaining
from tests.servers import server

HOST = "placement.example.com"
# The maximum number of characters of a response body in a failure message.
MAX_SHOWN = 2000
# Each call of its own builds a parser, which takes milliseconds.
_parsed = functools.cache(jsonpath_ng.ext.parse)
HEADERS = {
    "x-auth-token": "admin",
    "x-roles": "admin,service",
    "openstack-api-version": "placement latest",
}


@pytest.mark.parametrize("path", stories.PATHS, ids=lambda path: path.stem)
def test_story(path: pathlib.Path, database_url: str) -> None:
    story = stories.read(path)
    wanted = fixtures.merged(story.get("fixtures", []))
    with server.in_process(database_url, wanted.options, wanted.policy) as application:
        prepare(application, wanted)
        explaining = Explaining(application)
        failed = steps_that_fail(explaining, path.stem, story)

    assert not failed, "\n\n".join(failed)
    # Every search that found nothing has a cause.
    explaining.require_causes()
    assert not invariants.violations(database_url)


def prepare(application: server.Application, wanted: fixtures.Fixture) -> None:
    """Send the requests of the fixture."""
    with httpx.Client(
        transport=httpx.WSGITransport(app=application),
        base_url=f"http://{HOST}",
        headers=HEADERS,
    ) as client:
        for request in wanted.requests:
            made = client.request(request.method, request.path, json=request.body)
            made.raise_for_status()


def steps_that_fail(
    application: server.Application, name: str, story: dict[str, object]
) -> list[str]:
    """Run all steps in order; return a description of each failed step."""
    fixtures.publish_names()
    suite = suitemaker.test_suite_from_dict(
        loader=unittest.TestLoader(),
        test_base_name=name,
        # Fixtures are applied by ``prepare``; gabbi would expect classes.
        suite_dict={key: value for key, value in story.items() if key != "fixtures"},
        test_directory=str(stories.DIRECTORY),
        host=HOST,
        port=None,
        fixture_module=None,
        intercept=lambda: application,
        handlers=[handler() for handler in handlers.RESPONSE_HANDLERS],
    )
    result = unittest.TestResult()
    with mock.patch.object(jsonpath_ng.ext, "parse", _parsed):
        suite.run(result)
    failed = [*result.failures, *result.errors]
    texts = [describe(step, trace) for step, trace in failed]
    texts += [
        f"{step}: expected to fail, but passed" for step in result.unexpectedSuccesses
    ]
    return texts


def describe(step: case.HTTPTestCase, trace: str) -> str:
    """Return the name of the step, the failed assertion and the response."""
    lines = [line for line in trace.splitlines() if line and not line.startswith("  ")]
    text = [f"{step.shortDescription()}", *lines[1:]]
    if hasattr(step, "response"):
        actual = json.dumps(step.output)[:MAX_SHOWN]
        text.append(f"status {step.response['status']}: {actual}")
    return "\n".join(text)
