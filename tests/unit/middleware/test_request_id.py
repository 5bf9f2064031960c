import re

import pytest

from placement.middleware import request_id
from tests.unit.middleware.applications import Recorder, ask, service

FORM = re.compile(r"req-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
GIVEN = "req-a0b4d1c8-6a0e-4d0b-9c1e-0d4f6f1a7b01"


@pytest.fixture
def below():
    return Recorder()


@pytest.fixture
def application(below):
    return request_id.wrap(below, service())


def test_every_answer_tells_an_id_of_its_own(application, below):
    first = ask(application).headers[request_id.HEADER]
    second = ask(application).headers[request_id.HEADER]

    assert FORM.fullmatch(first)
    assert first != second == below.environ[request_id.REQUEST_ID]


def test_an_id_of_the_client_is_remembered_and_not_echoed(application, below):
    answer = ask(application, X_Openstack_Request_Id=GIVEN)

    assert answer.headers[request_id.HEADER] != GIVEN
    assert below.environ[request_id.GLOBAL_REQUEST_ID] == GIVEN


@pytest.mark.parametrize("given", ["", "req-1", f"{GIVEN}0", GIVEN.upper()])
def test_what_is_no_id_is_forgotten(application, below, given):
    ask(application, X_Openstack_Request_Id=given)

    assert request_id.GLOBAL_REQUEST_ID not in below.environ


@pytest.mark.parametrize(
    ("given", "becomes"),
    [
        ({}, "application/json"),
        ({"Accept": "*/*"}, "application/json"),
        ({"Accept": "text/html"}, "text/html"),
        ({"Accept": "*/*;q=0.8"}, "*/*;q=0.8"),
    ],
)
def test_who_likes_everything_gets_json(application, below, given, becomes):
    ask(application, **given)

    assert below.environ["HTTP_ACCEPT"] == becomes
