import pytest

from placement.api import host

SERVER = {"SERVER_NAME": "10.0.0.1", "SERVER_PORT": "8778"}


@pytest.mark.parametrize(
    ("text", "is_valid"),
    [
        ("api.example.com", True),
        ("api.example.com.:8778", True),
        ("placement_api", True),
        ("[::1]:8778", True),
        ("a:65535", True),
        ("a:65536", False),
        ("a" * 63, True),
        ("a" * 64, False),
        (".".join(["a" * 63] * 3 + ["a" * 61]), True),
        (".".join(["a" * 63] * 3 + ["a" * 62]), False),
        ("[1.2.3.4]", False),
        ("a b", False),
        ("a..b", False),
        ("", False),
    ],
)
def test_a_host_is_a_name_or_an_address_with_an_optional_port(text, is_valid):
    assert host.is_host(text) is is_valid


@pytest.mark.parametrize(
    ("scheme", "given", "url"),
    [
        ("http", "example.com", "http://example.com"),
        ("http", "example.com:80", "http://example.com"),
        ("http", "example.com:443", "http://example.com:443"),
        ("https", "example.com:443", "https://example.com"),
        ("https", "[::1]:443", "https://[::1]"),
        ("https", "a b", "https://10.0.0.1:8778"),
    ],
)
def test_the_url_of_a_host_lacks_the_default_port(scheme, given, url):
    environ = SERVER | {"wsgi.url_scheme": scheme, "HTTP_HOST": given}

    assert host.host_url(environ) == url


def test_without_a_host_header_the_url_has_the_address_of_the_server():
    environ = {"SERVER_NAME": "10.0.0.1", "SERVER_PORT": "80"}

    assert host.host_url(environ | {"wsgi.url_scheme": "http"}) == "http://10.0.0.1"
