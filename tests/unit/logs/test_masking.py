import logging

import pytest

from placement.logs import MaskingFormatter
from placement.logs.masking import mask

FERNET = "gAAAAAB" + "x-_" * 40 + "=="


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("mysql+pymysql://a:b%40c@h/d", "mysql+pymysql://a:***@h/d"),
        ("http://:pw@h and http://u:pw@h", "http://:***@h and http://u:***@h"),
        ("dbname=x password=hunter2 host=h", "dbname=x password=*** host=h"),
        ("GET /x?token=abc&a=1", "GET /x?token=***&a=1"),
        ("X-Auth-Token: abc\nAccept: */*", "X-Auth-Token: ***\nAccept: */*"),
        ("Authorization: Bearer a.b.c", "Authorization: ***"),
        ("{'X-Auth-Token': 'abc', 'a': 'b'}", "{'X-Auth-Token': '***', 'a': 'b'}"),
        ('{"admin_password": "abc"}', '{"admin_password": "***"}'),
        (r"{\"password\": \"abc\"}", r"{\"password\": \"***\"}"),
        (f"token {FERNET} is invalid", "token *** is invalid"),
    ],
)
def test_a_secret_is_replaced(text, masked):
    assert mask(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "GET /allocation_candidates?resources=VCPU:1",
        "http://10.0.0.1:8778/traits",
        "postgresql://placement@db/placement",
        "Generated an administrator token in /var/lib/token",
        "GET /-/v1/providers?page_token=abc",
        "[api] token_file: it cannot be read",
        "The password is wrong",
    ],
)
def test_other_text_stays(text):
    assert mask(text) == text


def test_long_texts_are_masked_too():
    # In minutes, if the time grew with the square of the length.
    for unit in ("a-", "://:", "://a:", "token-", "'password'", "secret=", "gAAAA"):
        mask("token://" + unit * 20_000)


def test_lines_of_text_have_no_secrets_either():
    inner = logging.Formatter("%(levelname)s %(message)s")
    record = logging.LogRecord("x", logging.INFO, "", 1, "token=%s", ("abc",), None)

    assert MaskingFormatter(inner).format(record) == "INFO token=***"
