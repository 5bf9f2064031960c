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
    """Return the scheme, host and client that the application gets."""
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
def test_the_values_of_the_first_proxy_are_used(headers):
    assert seen(headers) == (OUTSIDE, "")


def test_proxy_headers_are_ignored_by_default():
    headers = X_FORWARDED | {"X_Forwarded_Prefix": "/placement"}

    assert seen(headers, is_enabled=False) == (INSIDE, "")


def test_forwarded_overrides_x_forwarded():
    headers = X_FORWARDED | {"Forwarded": "proto=http"}

    assert seen(headers) == (INSIDE, "")


def test_missing_values_do_not_change_the_environ():
    assert seen({}) == (INSIDE, "")


def test_the_prefix_is_put_before_the_mount_point():
    assert seen({"X_Forwarded_Prefix": "/placement/"}) == (INSIDE, "/placement")


@pytest.mark.parametrize("name", ["X_Forwarded_Host", "Forwarded"])
@pytest.mark.parametrize(
    "host",
    [
        "a b",
        "a/b",
        "a?b",
        "a@b",
        "a..b",
        ":80",
        "a:b",
        "a:65536",
        "a:-1",
        "[::1",
        "[1.2]",
        "<b>",
        "\xe9",
        "a" * 254,
        "",
    ],
)
def test_an_invalid_host_is_ignored(name, host):
    value = f'host="{host}"' if name == "Forwarded" else host

    assert seen({name: value}) == (INSIDE, "")


@pytest.mark.parametrize(
    "host", ["a", "a_b.c:8778", "a:65535", "[::1]", "[2001:db8::1]:8778", "10.0.0.1:1"]
)
def test_a_valid_host_is_used(host):
    forwarded = {"Forwarded": f'host="{host}"'}

    assert seen(forwarded) == seen({"X_Forwarded_Host": host})
    assert seen(forwarded)[0][1] == host


@pytest.mark.parametrize("proto", ["javascript", "ftp", "https:", "a b", "\xe9", ""])
def test_a_scheme_other_than_http_is_ignored(proto):
    assert seen({"X_Forwarded_Proto": proto}) == (INSIDE, "")
    assert seen({"Forwarded": f'proto="{proto}"'}) == (INSIDE, "")


@pytest.mark.parametrize("client", ['1.2.3.4"x', "a b", "\xe9", "a" * 254])
def test_a_client_that_would_break_the_log_is_ignored(client):
    assert seen({"X_Forwarded_For": client}) == (INSIDE, "")


def test_an_address_can_be_quoted_and_have_a_port():
    (_, _, client), _ = seen({"Forwarded": 'for="[2001:db8::1]:47011"'})

    assert client == "[2001:db8::1]:47011"


@pytest.mark.parametrize(
    "prefix",
    [
        "a",
        "//a",
        "/a//b",
        "http://a",
        "/a b",
        "/a?b",
        "/a/../b",
        "/..",
        "/%0d",
        "/\xe9",
    ],
)
def test_an_invalid_prefix_is_ignored(prefix):
    assert seen({"X_Forwarded_Prefix": prefix}) == (INSIDE, "")


def test_the_first_of_several_prefixes_counts():
    assert seen({"X_Forwarded_Prefix": "/a/b.c, /d"}) == (INSIDE, "/a/b.c")


@pytest.mark.parametrize(
    ("forwarded", "there"),
    [
        ('for="a,b;c";host=api.example.com', ("http", "api.example.com", "10.0.0.1")),
        ("host=api.example.com;;proto=https", ("http", "api.example.com", "10.0.0.1")),
        ("proto=https;proto=http", ("https", "localhost:80", "10.0.0.1")),
        ('host="api.\\example.com"', ("http", "api.example.com", "10.0.0.1")),
        ('host="api.example.com', INSIDE),
        (";host=a", INSIDE),
        ("host", INSIDE),
        ("=a", INSIDE),
        (",host=a", INSIDE),
        ("", INSIDE),
    ],
)
def test_forwarded_is_read_up_to_its_first_error(forwarded, there):
    assert seen({"Forwarded": forwarded}) == (there, "")
