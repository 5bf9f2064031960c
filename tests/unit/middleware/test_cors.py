import pytest

from placement.conf import settings
from placement.middleware import cors
from tests.unit.middleware.applications import Recorder, ask, service

VALID = "http://valid.example.com"
OTHER = "http://other.example.com"


def application(below=None, **given):
    defaults = {
        "allowed_origin": (VALID,),
        "allow_credentials": True,
        "allow_headers": ("X-Auth-Token",),
        "expose_headers": ("X-Openstack-Request-Id", "X-Other"),
        "allow_methods": ("GET", "PUT"),
        "max_age": 3600,
    }
    group = settings.CorsSettings(**(defaults | given))
    return cors.wrap(below or Recorder(), service(cors=group))


def of_cors(answer):
    return {
        name.lower(): value
        for name, value in answer.headers.items()
        if name.lower().startswith("access-control-")
    }


def preflight(app, origin=VALID, method="PUT", headers=None):
    given = {"Access_Control_Request_Method": method} if method else {}
    if origin:
        given["Origin"] = origin
    if headers is not None:
        given["Access_Control_Request_Headers"] = headers
    return ask(app, "/usages", "OPTIONS", **given)


def test_without_allowed_origins_options_is_a_method_like_others():
    below = Recorder()

    assert application(below, allowed_origin=()) is below


def test_a_preflight_request_does_not_reach_the_application():
    below = Recorder()

    answer = preflight(application(below), headers="x-auth-token, Content-Type")

    assert (answer.status_int, answer.body, below.environ) == (200, b"", None)
    assert answer.headers["Vary"] == "Origin"
    assert of_cors(answer) == {
        "access-control-allow-origin": VALID,
        "access-control-allow-credentials": "true",
        "access-control-max-age": "3600",
        "access-control-allow-methods": "PUT",
        "access-control-allow-headers": "x-auth-token,Content-Type",
    }


@pytest.mark.parametrize(
    "asked",
    [
        {"origin": OTHER},
        {"origin": None},
        {"method": "DELETE"},
        {"method": None},
        {"headers": "X-Auth-Token, X-Secret"},
    ],
)
def test_a_forbidden_preflight_request_gets_no_headers(asked):
    below = Recorder()

    answer = preflight(application(below), **asked)

    assert (answer.status_int, of_cors(answer), below.environ) == (200, {}, None)


def test_an_allowed_origin_gets_the_cors_headers():
    below = Recorder(headers=[("Vary", "openstack-api-version")])

    answer = ask(application(below), "/usages", Origin=VALID)

    assert answer.headers["Vary"] == "openstack-api-version, Origin"
    assert of_cors(answer) == {
        "access-control-allow-origin": VALID,
        "access-control-allow-credentials": "true",
        "access-control-expose-headers": "X-Openstack-Request-Id,X-Other",
    }


@pytest.mark.parametrize("headers", [{}, {"Origin": OTHER}])
def test_other_origins_get_the_response_without_cors_headers(headers):
    answer = ask(application(), "/usages", **headers)

    assert (answer.status_int, of_cors(answer)) == (200, {})
    assert "Vary" not in answer.headers


def test_a_star_allows_any_origin():
    answer = ask(application(allowed_origin=("*",)), "/usages", Origin=OTHER)

    assert of_cors(answer)["access-control-allow-origin"] == OTHER


def test_credentials_are_allowed_only_if_configured():
    answer = ask(application(allow_credentials=False), "/usages", Origin=VALID)

    assert "access-control-allow-credentials" not in of_cors(answer)
