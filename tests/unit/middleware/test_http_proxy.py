import pytest

from placement.conf import settings
from placement.middleware import http_proxy
from tests.unit.middleware.applications import Recorder, ask, service

OUTSIDE = ("https", "api.example.com", "203.0.113.7")
INSIDE = ("http", "localhost:80", "10.0.0.1")
X_FORWARDED = {
    "X_Forwarded_Proto": "https, http",
    "X_Forwarded_Host": "api.example.com, inner",
    "X_Forwarded_For": "203.0.113.7, 10.1.1.1",
}


def seen(headers, is_enabled=True):
    """Return scheme, host and client as the application below sees them."""
    below = Recorder()
    proxy = settings.ProxySettings(enable_proxy_headers_parsing=is_enabled)
    application = http_proxy.wrap(below, service(proxy=proxy))
    ask(application, environ={"REMOTE_ADDR": "10.0.0.1"}, **headers)
    names = ("wsgi.url_scheme", "HTTP_HOST", "REMOTE_ADDR")
    return tuple(below.environ[name] for name in names), below.environ["SCRIPT_NAME"]


@pytest.mark.parametrize(
    "headers",
    [
        X_FORWARDED,
        {
            "Forwarded": 'for=203.0.113.7;host="api.example.com";proto=https'
            ", for=10.1.1.1"
        },
        {"Forwarded": "Proto=https; Host=api.example.com; For=203.0.113.7"},
    ],
)
def test_the_outermost_proxy_is_believed(headers):
    assert seen(headers) == (OUTSIDE, "")


def test_nobody_is_believed_unless_configured():
    headers = X_FORWARDED | {"X_Forwarded_Prefix": "/placement"}

    assert seen(headers, is_enabled=False) == (INSIDE, "")


def test_forwarded_wins():
    headers = X_FORWARDED | {"Forwarded": "proto=http"}

    assert seen(headers) == (INSIDE, "")


def test_what_is_not_told_stays():
    assert seen({}) == (INSIDE, "")


def test_a_prefix_comes_before_the_mount_point():
    assert seen({"X_Forwarded_Prefix": "/placement/"}) == (INSIDE, "/placement")
