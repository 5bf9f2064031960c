"""Whatever is sent to an extension, no answer is a failure or undocumented.

Requests are drawn from the OpenAPI document of the extensions, valid ones and broken
ones, and some of them name what a small cloud has. By default a few for each operation,
the same ones each time. PLACEMENT_SCHEMATHESIS_CASES says how many to send in all
instead, with random requests.
"""

import collections.abc
import math

import hypothesis
import pytest
import schemathesis
import schemathesis.checks
from hypothesis import strategies as st
from schemathesis import GenerationMode

from placement.api.operation import Operation
from placement.web import app
from tests.functional import small_cloud
from tests.functional.test_schemathesis import CASES, CHECKS
from tests.servers import databases, server

OPERATIONS = [
    pytest.param(operation, id=f"{operation.method}-{operation.path}")
    for operation in app.Application(lambda *_: ()).operations()
]
CASES_PER_OPERATION = math.ceil(CASES / len(OPERATIONS)) or 20

HEADERS = {"x-auth-token": "admin", "x-roles": "admin,service"}
# One of each tuple is sent.
HEADERS_DRAWN: list[tuple[dict[str, str], ...]] = [
    (
        {},
        {"Accept": "application/json"},
        {"Accept": "application/x-ndjson"},
        {"Accept": "application/openmetrics-text;version=1.0.0"},
        {"Accept": "text/plain"},
        {"Accept": "image/png"},
    ),
    ({}, {}, {"If-None-Match": "*"}),
    ({},) * 9 + ({"Content-Type": "text/plain"},),
    (HEADERS,) * 8 + ({"x-auth-token": "someone", "x-roles": "member"}, {}),
]


@pytest.fixture(scope="module")
def service(
    database_servers: collections.abc.Callable[[str], databases.Databases],
) -> collections.abc.Iterator[server.Application]:
    """One service for all tests, which only read."""
    with (
        database_servers(databases.SQLITE).new() as url,
        server.in_process(url) as application,
    ):
        small_cloud.create(application)
        yield application


@pytest.fixture(scope="module")
def document(service: server.Application) -> schemathesis.BaseSchema:
    return schemathesis.openapi.from_wsgi(
        "/-/v1/openapi.json", service, headers=HEADERS
    )


@st.composite
def cases(draw: st.DrawFn, operation: schemathesis.APIOperation) -> schemathesis.Case:
    """Draw a request for an operation, valid or not, in any or no format."""
    valid = operation.as_strategy(GenerationMode.POSITIVE)
    broken = operation.as_strategy(GenerationMode.NEGATIVE)
    aimed = valid.flatmap(small_cloud.aimed)
    case: schemathesis.Case = draw(st.one_of(aimed, aimed, valid, broken))
    for headers in HEADERS_DRAWN:
        case.headers.update(draw(st.sampled_from(headers)))
    return case


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_response_of_an_extension_is_documented(
    operation: Operation, document: schemathesis.BaseSchema
) -> None:
    described = document[operation.path][operation.method]

    @hypothesis.given(cases(described))
    @hypothesis.settings(
        max_examples=CASES_PER_OPERATION,
        derandomize=not CASES,
        database=None,
        deadline=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    def answers_as_documented(case: schemathesis.Case) -> None:
        case.call_and_validate(checks=CHECKS)

    answers_as_documented()
