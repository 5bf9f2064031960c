"""Whatever is sent, no answer is a failure of the service or undocumented.

Requests are drawn from the OpenAPI document, valid ones and broken ones. By default
a few for each operation at the newest version, the same ones each time.
PLACEMENT_SCHEMATHESIS_CASES says how many to send in all instead, which are random, at
several versions.
"""

import collections.abc
import functools
import math
import os
import typing

import hypothesis
import pytest
import schemathesis
import schemathesis.checks
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.specs.openapi import checks

from placement.api import openapi
from placement.api.microversion import MAX_VERSION, Version
from placement.api.operation import Operation
from tests.functional import api_ref, existing_targets
from tests.servers import databases, server

CASES = int(os.environ.get("PLACEMENT_SCHEMATHESIS_CASES", "0"))
# With the steps that changed the most bodies.
VERSIONS = [
    Version(1, minor) for minor in ((0, 7, 12, 19, 28, 34) if CASES else ())
] + [MAX_VERSION]
OPERATIONS = [
    pytest.param(
        operation, version, id=f"{version}-{operation.method}-{operation.path}"
    )
    for version in VERSIONS
    for operation in openapi.operations(version)
]
CASES_PER_OPERATION = math.ceil(CASES / len(OPERATIONS)) or 3

HEADERS = {
    name: value
    for name, value in api_ref.DEFAULT_HEADERS.items()
    if name.startswith("x-")
}
CHECKS: list[typing.Any] = [
    schemathesis.checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]


@pytest.fixture(scope="module")
def service(
    database_server: databases.Databases,
) -> collections.abc.Iterator[server.Application]:
    """One service for all tests, which share its data."""
    with database_server.new() as url, server.in_process(url) as application:
        yield application


@pytest.fixture(scope="module")
def documents(
    service: server.Application,
) -> collections.abc.Callable[[Version], schemathesis.BaseSchema]:
    """A function that reads the document of a version from the service, once."""

    def read(version: Version) -> schemathesis.BaseSchema:
        return schemathesis.openapi.from_wsgi(
            f"/openapi.json?version={version}", service, headers=HEADERS
        )

    return functools.cache(read)


@st.composite
def cases(
    draw: st.DrawFn, operation: schemathesis.APIOperation, version: Version
) -> schemathesis.Case:
    """Draw a request for an operation, valid or not."""
    # The document describes one version, without the responses of others.
    headers = {"OpenStack-API-Version": f"placement {version}"}
    valid = operation.as_strategy(GenerationMode.POSITIVE, headers=headers)
    broken = operation.as_strategy(GenerationMode.NEGATIVE, headers=headers)
    return draw(st.one_of(valid, broken))


@pytest.mark.parametrize(("operation", "version"), OPERATIONS)
def test_every_response_is_documented(
    operation: Operation,
    version: Version,
    service: server.Application,
    documents: collections.abc.Callable[[Version], schemathesis.BaseSchema],
) -> None:
    described = documents(version)[operation.path][operation.method]

    @hypothesis.given(cases(described, version), st.booleans(), st.booleans())
    @hypothesis.settings(
        max_examples=CASES_PER_OPERATION,
        derandomize=not CASES,
        database=None,
        deadline=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    def answers_as_documented(
        case: schemathesis.Case, is_retargeted: bool, is_used: bool
    ) -> None:
        if is_retargeted:
            generations = existing_targets.ensure_targets(service, is_used)
            existing_targets.retarget(case, generations)
        case.call_and_validate(headers=HEADERS, checks=CHECKS)

    answers_as_documented()
