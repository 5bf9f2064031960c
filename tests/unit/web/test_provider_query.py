"""What requests for many providers ask for, and their page tokens."""

import base64

import orjson
import pytest

from placement import extension_exception
from placement.api.querystring import Query
from placement.web import provider_query

UUID = "3e9c8f1a-6d1f-4f4e-9b86-8d1f6c1f0a57"


def query(text="", token=None):
    suffix = "" if token is None else f"&page_token={token}"
    return provider_query.of_query(Query.parse((text + suffix).encode()))


@pytest.mark.parametrize(
    ("text", "body"),
    [
        ("", {}),
        (f"uuid={UUID}", {"uuid": [UUID.upper().replace("-", "")]}),
        ("roots=true&state=any", {"roots": True, "state": "any"}),
        ("resources=VCPU:1,DISK_GB:2", {"resources": {"VCPU": 1, "DISK_GB": 2}}),
        ("resources=VCPU:1", {"resources": {"VCPU": 1.0}}),
        ("required=A&required=in:B,C", {"required": ["A", "in:B,C"]}),
        ("member_of=x&name=n", {"member_of": "x", "name": "n"}),
        ("include=inventories,usages", {"include": ["inventories", "usages"]}),
        ("page_size=7", {"page_size": 7}),
    ],
)
def test_a_body_asks_for_what_a_query_string_asks_for(text, body):
    assert query(text) == provider_query.of_body(body)


def test_a_page_token_leads_to_the_page_after_its_provider():
    token = query("roots=true").next_page_token(41)

    assert query("roots=true", token).page_after() == 41
    assert query("page_size=3&roots=true", token).page_after() == 41


@pytest.mark.parametrize(
    "other", ["", "roots=false", "roots=true&name=a", "roots=true&include=traits"]
)
def test_a_page_token_of_another_query_is_refused(other):
    token = query("roots=true").next_page_token(41)

    with pytest.raises(extension_exception.PageTokenInvalid):
        query(other, token).page_after()


def forged(*values):
    return base64.urlsafe_b64encode(orjson.dumps(values)).decode()


def test_a_page_token_is_refused_if_it_is_cut_or_changed():
    token = query().next_page_token(41)
    digest, last_id = orjson.loads(base64.urlsafe_b64decode(token))
    assert query("", forged(digest, last_id)).page_after() == 41

    for other in (
        *("", "=", "WyI5", "x" * 5000, "\u00e4", token[:-4], token[4:]),
        *(forged(digest, each) for each in (40, 42, -1, 2**31, 4e1, "41", None)),
        *(forged(), forged(digest), forged(digest, 41, 1), forged("", 41)),
    ):
        with pytest.raises(extension_exception.PageTokenInvalid):
            query("", other).page_after()
