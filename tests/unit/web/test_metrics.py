"""Access to the metrics, and what is counted by one process."""

import pytest

from placement import deploy, exception
from tests.unit import in_process
from tests.unit.middleware.applications import ask
from tests.unit.test_metrics import rendered, value

ADMIN = {"X_Auth_Token": "admin", "OpenStack_API_Version": "placement latest"}


@pytest.fixture
def configured(tmp_path):
    """Return a function that makes a service with options of [metrics]."""

    def configured(**options):
        configuration = in_process.configuration(tmp_path)
        for name, setting in options.items():
            configuration.set_override(name, setting, group="metrics")
        return deploy.loadapp(configuration)

    return configured


def test_by_default_a_token_with_the_role_is_needed(configured):
    application = configured()

    assert ask(application, "/metrics").status_int == 401
    assert ask(application, "/metrics", X_Auth_Token="user").status_int == 403
    roles = ask(application, "/metrics", X_Auth_Token="user", X_Roles="auditor")
    assert roles.status_int == 200


def test_a_bearer_token_is_enough(configured, tmp_path):
    (tmp_path / "token").write_text("secret\n")
    application = configured(access="token", token_file=str(tmp_path / "token"))

    for right in ("Bearer secret", "bearer secret", "BEARER  secret"):
        assert ask(application, "/metrics", Authorization=right).status_int == 200
    for wrong in ("Bearer secre", "Bearer secret2", "secret", "Bearer \xe9", "Basic a"):
        answer = ask(application, "/metrics", Authorization=wrong, **ADMIN)
        assert answer.status_int == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert answer.json["errors"][0]["code"] == "placement.ext.unauthorized"
    assert ask(application, "/traits", Authorization="Bearer secret").status_int == 401


@pytest.mark.parametrize("text", [None, "", "\n"])
def test_a_service_without_the_bearer_token_does_not_start(configured, tmp_path, text):
    if text is not None:
        (tmp_path / "token").write_text(text)

    with pytest.raises(exception.ConfigurationError, match=r"\[metrics\] token_file"):
        configured(access="token", token_file=str(tmp_path / "token"))


def test_open_metrics_need_no_token(configured):
    application = configured(access="open")

    assert ask(application, "/metrics").status_int == 200
    assert ask(application, "/metrics/more").status_int == 401


def counted(application, series, path, **headers):
    """Return by how much a request changes a series."""
    before = value(rendered(), series) or 0
    # Reads the response to its end.
    assert ask(application, path, **headers).body is not None
    return (value(rendered(), series) or 0) - before


@pytest.mark.parametrize(
    ("path", "method", "route", "status"),
    [
        ("/traits/HW_CPU_X86_AVX2", "GET", "/traits/{name}", "204"),
        ("/traits/CUSTOM_NONE", "GET", "/traits/{name}", "404"),
        ("/nothing/at/all", "GET", "", "404"),
        ("/-/v1/providers", "GET", "/-/v1/providers", "200"),
        ("/-/v1/providers?a=1", "GET", "/-/v1/providers", "400"),
        ("/livez", "GET", "/livez", "200"),
        ("/traits", "STRANGE", "/traits", "405"),
    ],
)
def test_requests_are_counted_by_route(configured, path, method, route, status):
    label = method if method == "GET" else "_OTHER"
    series = (
        "http_server_request_duration_seconds_count{"
        f'http_request_method="{label}",http_response_status_code="{status}",'
        f'http_route="{route}"}}'
    )
    application = configured()

    assert counted(application, series, path, method=method, **ADMIN) == 1


@pytest.mark.parametrize(
    ("path", "result"),
    [("resources=VCPU:1", "empty"), ("resources=VCPU:1&limit=1", "empty")],
)
def test_searches_are_counted_by_result(configured, path, result):
    series = f'placement_searches_total{{result="{result}"}}'

    path = f"/allocation_candidates?{path}"
    assert counted(configured(), series, path, **ADMIN) == 1
