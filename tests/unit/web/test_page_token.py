"""Tokens of pages."""

import pytest

from placement import extension_exception
from placement.web import page_token

QUERY, OTHER = ["things", None], ["things", "filter"]


def test_a_token_leads_to_the_page_after_its_key():
    assert page_token.decode(QUERY, page_token.encode(QUERY, 7)) == 7
    assert page_token.decode_name(QUERY, page_token.encode(QUERY, "é/7")) == "é/7"


@pytest.mark.parametrize(
    ("decode", "token"),
    [
        (page_token.decode, page_token.encode(OTHER, 7)),
        (page_token.decode, page_token.encode(QUERY, "7")),
        (page_token.decode, page_token.encode(QUERY, -1)),
        (page_token.decode, page_token.encode(QUERY, 2**31)),
        (page_token.decode_name, page_token.encode(OTHER, "7")),
        (page_token.decode_name, page_token.encode(QUERY, 7)),
        (page_token.decode_name, "no token"),
    ],
)
def test_other_tokens_are_refused(decode, token):
    with pytest.raises(extension_exception.PageTokenInvalid):
        decode(QUERY, token)
