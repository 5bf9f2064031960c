"""Routing and the checks before a handler, tested on a whole application."""

import email.utils
import json

import pytest

from placement.api.microversion import MAX_VERSION
from tests.unit import in_process
from tests.unit.middleware.applications import ask

UUID = "a0b4d1c8-6a0e-4d0b-9c1e-0d4f6f1a7b01"
PROVIDER = f"/resource_providers/{UUID}"
JSON = "application/json"


@pytest.fixture(scope="module")
def application(tmp_path_factory):
    return in_process.application(tmp_path_factory.mktemp("service"))


def send(application, path, method="GET", version="latest", **headers):
    given = {"X_Auth_Token": "admin", "Accept": JSON}
    given["OpenStack_API_Version"] = f"placement {version}"
    given |= headers
    return ask(application, path, method, **given)


def detail(answer):
    return json.loads(answer.body)["errors"][0]["detail"]


@pytest.mark.parametrize(
    "path",
    [
        "/resource_providers/",
        "//",
        f"/resource_providers/{UUID}//",
        "/nothing",
        "//traits",
    ],
)
def test_an_unknown_path_has_an_error_without_a_message(application, path):
    answer = ask(
        application,
        environ={"PATH_INFO": path},
        X_Auth_Token="admin",
        Accept=JSON,
    )

    assert answer.status_int == 404
    assert detail(answer).split("\n")[-1].strip() == ""


@pytest.mark.parametrize("method", ["PATCH", "HEAD", "OPTIONS", "DELETE"])
def test_an_unsupported_method_is_405_with_the_allowed_methods(application, method):
    answer = send(application, "/resource_providers", method)

    assert answer.status_int == 405
    assert answer.headers["allow"] == "GET, POST"
    if method == "HEAD":
        assert answer.body == b""
    else:
        text = f"The method {method} is not allowed for this resource."
        assert text in detail(answer)


@pytest.mark.parametrize(
    ("method", "path", "too_old", "status", "old_enough"),
    [
        ("GET", "/traits", "1.5", 404, "1.6"),
        ("POST", "/reshaper", "1.29", 404, "1.30"),
        ("GET", f"{PROVIDER}/aggregates", "1.0", 404, "1.1"),
        ("DELETE", f"{PROVIDER}/inventories", "1.4", 405, "1.5"),
    ],
)
def test_an_operation_does_not_exist_before_its_first_version(
    application, method, path, too_old, status, old_enough
):
    before = send(application, path, method, too_old)
    since = send(application, path, method, old_enough)

    assert before.status_int == status
    assert "allow" not in before.headers
    assert since.status_int != status or "No resource provider" in detail(since)


@pytest.mark.parametrize(
    ("accept", "status"),
    [(JSON, 200), ("*/*;q=0.1", 200), ("text/html", 406), (f"{JSON};q=0", 406)],
)
def test_a_read_is_406_unless_json_is_accepted(application, accept, status):
    assert send(application, "/traits", Accept=accept).status_int == status


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        (JSON, 400),
        (f"{JSON}; charset=utf-8", 400),
        ("Application/JSON", 415),
        ("text/plain", 415),
    ],
)
def test_a_body_with_another_media_type_is_415(application, content_type, status):
    answer = send(application, "/resource_providers", "POST", Content_Type=content_type)

    assert answer.status_int == status
    if status == 415:
        given = f"The media type {content_type} is not supported, use {JSON}"
        assert given in detail(answer)


def test_a_body_without_a_media_type_is_415(application):
    answer = send(application, "/resource_providers", "POST")

    assert answer.status_int == 415
    assert f"The media type None is not supported, use {JSON}" in detail(answer)


@pytest.mark.parametrize("path", ["/traits", "/nothing"])
@pytest.mark.parametrize(
    ("environ", "text"),
    [
        ({"CONTENT_LENGTH": "pony"}, "content-length header must be an integer"),
        ({"CONTENT_LENGTH": "-1"}, "content-length header must be an integer"),
        (
            {"CONTENT_LENGTH": "2"},
            "content-type header required when content-length > 0",
        ),
        (
            {"CONTENT_LENGTH": "2", "CONTENT_TYPE": ""},
            "content-type header required when content-length > 0",
        ),
    ],
)
def test_invalid_headers_of_a_body_are_400_even_for_an_unknown_path(
    application, path, environ, text
):
    answer = ask(application, path, "GET", environ, X_Auth_Token="admin", Accept=JSON)

    assert answer.status_int == 400
    assert text in detail(answer)


class Broken:
    """An input that raises when it is read."""

    def __init__(self, failure):
        self._failure = failure

    def read(self, *_):
        raise self._failure

    readline = readinto = read


@pytest.mark.parametrize("failure", [OSError("gone"), ValueError("no chunk")])
def test_an_unreadable_body_is_400(application, failure):
    environ = {
        "wsgi.input": Broken(failure),
        "wsgi.input_terminated": True,
        "CONTENT_TYPE": JSON,
    }

    answer = ask(
        application,
        "/resource_providers",
        "POST",
        environ,
        X_Auth_Token="admin",
        Accept=JSON,
    )

    assert answer.status_int == 400
    assert "The body cannot be read" in detail(answer)


def test_the_policy_is_checked_after_the_media_types(application):
    roles = {"X_Roles": "reader"}

    refused = send(application, "/resource_providers", **roles)
    sooner = send(application, "/resource_providers", Accept="text/html", **roles)

    assert (refused.status_int, sooner.status_int) == (403, 406)
    rule = "placement:resource_providers:list"
    assert f"Policy does not allow {rule} to be performed." in detail(refused)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/resource_providers/a%00b", 404),
        ("GET", "/traits/%00", 404),
        ("GET", "/allocations/%00", 200),
        ("DELETE", "/allocations/%00", 404),
        ("GET", "/traits/%ED%A0%80", 404),
    ],
)
def test_a_nul_or_a_surrogate_in_a_path_matches_nothing(
    application, method, path, status
):
    answer = send(application, path, method)

    assert answer.status_int == status
    assert "\\u0000" not in answer.text


def test_a_location_starts_with_the_mount_point(application):
    answer = ask(
        application,
        "/traits/CUSTOM_PLACE",
        "PUT",
        {"SCRIPT_NAME": "/placement", "wsgi.url_scheme": "https"},
        X_Auth_Token="admin",
        Host="api.example.com",
        OpenStack_API_Version="placement 1.6",
    )

    assert answer.status == "201 Created"
    place = "https://api.example.com/placement/traits/CUSTOM_PLACE"
    assert answer.headers["Location"] == place
    assert answer.body == b""
    assert answer.headers["Content-Length"] == "0"
    assert "Content-Type" not in answer.headers


def test_a_204_has_no_content_length(application):
    answer = send(application, "/traits/HW_CPU_X86_AVX")

    assert answer.status == "204 No Content"
    assert answer.body == b""
    assert not {"Content-Length", "Content-Type"} & set(answer.headers)


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("placement_api:8778", "placement_api:8778"),
        ("[::1]:8778", "[::1]:8778"),
        ("api.example.com:80", "api.example.com"),
        ("a b", "localhost"),
        ("a:99999", "localhost"),
        ("[::1", "localhost"),
        ("[1.2]", "localhost"),
        ('"', "localhost"),
        ("\xe9", "localhost"),
        ("a..b", "localhost"),
        ("a" * 5000, "localhost"),
        ("", "localhost"),
    ],
)
def test_a_location_has_the_requested_host_if_it_is_valid(application, host, shown):
    answer = send(application, "/traits/CUSTOM_HOST", "PUT", Host=host)

    assert answer.status_int in (201, 204)
    assert answer.headers["Location"] == f"http://{shown}/traits/CUSTOM_HOST"


@pytest.mark.parametrize(("version", "has_them"), [("1.14", False), ("1.15", True)])
def test_cache_headers_are_sent_since_1_15(application, version, has_them):
    answer = send(application, "/traits", version=version)

    assert (answer.headers.get("Cache-Control") == "no-cache") is has_them
    assert ("Last-Modified" in answer.headers) is has_them
    if has_them:
        modified = answer.headers["Last-Modified"]
        assert modified.endswith(" GMT")
        assert email.utils.parsedate_to_datetime(modified).year > 2000


@pytest.mark.parametrize("path", ["/", ""])
def test_the_version_document_is_also_at_the_mount_point_without_a_slash(
    application, path
):
    answer = ask(application, environ={"PATH_INFO": path, "SCRIPT_NAME": "/placement"})

    assert answer.status_int == 200
    (version,) = json.loads(answer.body)["versions"]
    assert version["max_version"] == str(MAX_VERSION)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nothing", 404), ("PATCH", "/", 405), ("GET", PROVIDER, 404)],
)
def test_errors_have_the_version_header(application, method, path, status):
    answer = send(application, path, method, "1.20")

    assert answer.status_int == status
    assert answer.headers["openstack-api-version"] == "placement 1.20"
    assert answer.headers["vary"] == "openstack-api-version"
    assert answer.headers["x-openstack-request-id"].startswith("req-")


def test_errors_before_the_version_is_known_lack_the_version_header(application):
    unknown = ask(application, "/traits", Accept=JSON)
    answer = send(application, "/traits", version="9.9")

    assert (unknown.status_int, answer.status_int) == (401, 406)
    for refusal in (unknown, answer):
        assert "openstack-api-version" not in refusal.headers
        assert refusal.headers["x-openstack-request-id"].startswith("req-")
