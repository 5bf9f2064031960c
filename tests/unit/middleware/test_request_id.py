import re

import pytest
from oslo_context import context as log_context

from placement.api.environ import REQUEST_ID
from placement.logs import context
from placement.middleware import request_id
from tests.unit.middleware.applications import Recorder, ask, service

FORM = re.compile(r"req-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
GIVEN = "req-a0b4d1c8-6a0e-4d0b-9c1e-0d4f6f1a7b01"


class Logged(Recorder):
    """Also records the log context of the call."""

    def __call__(self, environ, start_response):
        request_id.add_to_log(user_id="u")
        self.context = log_context.get_current()
        return super().__call__(environ, start_response)


@pytest.fixture
def below():
    return Logged()


@pytest.fixture
def application(below):
    return request_id.wrap(below, service())


def test_each_response_has_a_new_id(application, below):
    first = ask(application).headers[request_id.HEADER]
    second = ask(application).headers[request_id.HEADER]

    assert FORM.fullmatch(first)
    assert first != second == below.environ[REQUEST_ID]


def test_an_id_of_the_client_is_logged_and_not_returned(application, below):
    answer = ask(application, X_Openstack_Request_Id=GIVEN)

    assert answer.headers[request_id.HEADER] != GIVEN
    assert below.context.global_request_id == GIVEN
    assert below.context.request_id == answer.headers[request_id.HEADER]


@pytest.mark.parametrize("given", ["", "req-1", f"{GIVEN}0", GIVEN.upper()])
def test_a_malformed_id_of_the_client_is_ignored(application, below, given):
    ask(application, X_Openstack_Request_Id=given)

    assert below.context.global_request_id is None


@pytest.mark.parametrize("failure", [None, RuntimeError("x")])
def test_a_thread_has_no_log_context_after_a_request(below, application, failure):
    below._failure = failure
    if failure is None:
        ask(application)
    else:
        with pytest.raises(RuntimeError):
            ask(application)

    assert below.context.user_id == "u"
    assert not log_context.get_current()
    request_id.add_to_log(user_id="v")
    assert log_context.get_current().user_id is None


def test_an_embedding_program_keeps_its_log_context(application, below):
    own = log_context.RequestContext(user_id="own")
    try:
        ask(application)

        assert log_context.get_current() is own
        assert own.user_id == "own"
    finally:
        context.NOTHING.update_store()


@pytest.mark.parametrize(
    ("given", "becomes"),
    [
        ({}, "application/json"),
        ({"Accept": "*/*"}, "application/json"),
        ({"Accept": "text/html"}, "text/html"),
        ({"Accept": "*/*;q=0.8"}, "*/*;q=0.8"),
    ],
)
def test_json_is_the_default_media_type(application, below, given, becomes):
    ask(application, **given)

    assert below.environ["HTTP_ACCEPT"] == becomes
