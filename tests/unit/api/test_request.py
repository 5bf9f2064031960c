import pytest

from placement import exception
from placement.api.microversion import Version
from placement.api.request import Request
from placement.schemas.common import closed
from placement.schemas.validation import Schemas

SCHEMAS = Schemas(
    {
        (1, 0): closed({"name": {"type": "string"}}),
        (1, 5): closed({"name": {"type": "integer"}}),
    }
)


def request(body=b"", query_string=b"", version=(1, 0), schemas=SCHEMAS):
    return Request(
        None, Version(*version), "", query_string, lambda: body, schemas, schemas
    )


def test_a_body_is_validated_by_the_schema_of_the_version():
    assert request(b'{"name": "a"}').json() == {"name": "a"}
    assert request(b'{"name": 1}', version=(1, 5)).json() == {"name": 1}
    with pytest.raises(exception.SchemaInvalid, match="JSON does not validate"):
        request(b'{"name": 1}', version=(1, 4)).json()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff",
        b'\xef\xbb\xbf{"name": "a"}',
        b'{"name": NaN}',
        b'{"name": NaN, "half": "\\ud800"}',
        b'{"name": "\\ud800"',
        b'{"name": "\\ud800\xff"}',
        b'\xef\xbb\xbf{"name": "\\ud800"}',
        b'{"name": "\xed\xa0\x80"}',
        b'{"name": "\\ud800", "n": ' + b"9" * 5000 + b"}",
        b"[" * 2000 + b"]" * 2000,
        b"[" * 200000 + b'"\\ud800"' + b"]" * 200000,
    ],
)
def test_a_body_that_is_not_json_is_a_bad_request(body):
    with pytest.raises(exception.BadRequest, match="Malformed JSON:"):
        request(body).json()


@pytest.mark.parametrize("half", ["\\ud800", "\\uDFFF", "a\\udc00\\ud800b"])
def test_a_lone_surrogate_is_rejected_by_the_schema(half):
    with pytest.raises(exception.SchemaInvalid, match="characters that are not text"):
        request(b'{"name": "%s"}' % half.encode()).json()


def test_a_surrogate_pair_is_one_character():
    body = request(b'{"name": "\\ud83d\\ude00"}').json()

    assert body == {"name": "\N{GRINNING FACE}"}


def test_a_body_that_is_nested_too_deeply_is_invalid():
    with pytest.raises(exception.SchemaInvalid, match="JSON does not validate"):
        request(b"[" * 1000 + b"]" * 1000).json()


def test_the_last_of_repeated_keys_counts():
    assert request(b'{"name": "a", "name": "b"}').json() == {"name": "b"}


def test_only_the_last_value_of_a_parameter_is_validated():
    schemas = Schemas({(1, 0): closed({"name": {"type": "string", "pattern": "^a$"}})})

    query = request(query_string=b"name=b&name=a", schemas=schemas).validated_query()

    assert query.all("name") == ["b", "a"]
    with pytest.raises(exception.QueryInvalid):
        request(query_string=b"name=a&name=b", schemas=schemas).validated_query()
