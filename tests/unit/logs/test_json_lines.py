import json
import logging
import sys
import time

import pytest
from oslo_context import context as log_context

from placement.logs import json_lines
from placement.logs.context import NOTHING

ID = "req-a0b4d1c8-6a0e-4d0b-9c1e-0d4f6f1a7b01"


def record(message, *args, exc_info=None, name="placement.x", **more):
    made = logging.LogRecord(name, logging.INFO, "x.py", 1, message, args, exc_info)
    made.__dict__.update(more)
    return made


def line(*args, **more):
    """Return a formatted record; it must be one line of ASCII."""
    text = json_lines.JsonFormatter().format(record(*args, **more))
    assert text.isascii()
    assert len(text.splitlines()) == 1
    return json.loads(text)


def raised(failure):
    try:
        raise failure
    except type(failure):
        return sys.exc_info()


class Unprintable(Exception):
    def __str__(self):
        raise RuntimeError


def test_a_line_without_a_request_has_only_these_fields():
    assert line("Ready after %d", 2).keys() == {
        *("time", "level", "logger", "message", "process")
    }


def test_the_time_is_utc_with_milliseconds(monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        assert line("x", created=1_700_000_000.9996)["time"] == (
            "2023-11-14T22:13:20.999Z"
        )
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("two\nlines\r\u2028\x00", "two\nlines\r\u2028\x00"),
        ("Zürich \U0001f600", "Zürich \U0001f600"),
        ("half \ud83d", "half \\ud83d"),
        (b"\xff", "b'\\xff'"),
        ("%d of %d", "%d of %d"),
    ],
)
def test_a_message_of_any_characters_is_one_line(message, shown):
    args = ("not a number",) if message == "%d of %d" else ()

    assert line(message, *args)["message"] == shown


def test_huge_texts_are_cut():
    logged = line(
        "%s",
        "x" * 10**6,
        exc_info=raised(ValueError("y" * 10**6)),
        **json_lines.fields(path="/" + "z" * 10**6),
    )

    assert len(logged["message"]) == json_lines.MESSAGE_MAX
    assert len(logged["path"]) == json_lines.TEXT_MAX
    assert len(logged["exception"]["message"]) == json_lines.TEXT_MAX
    assert len(logged["exception"]["traceback"]) == json_lines.TRACEBACK_MAX
    assert logged["message"].endswith("[cut]")


def test_an_exception_has_type_message_and_traceback():
    exception = line("Failed", exc_info=raised(KeyError("a\nb")))["exception"]

    assert exception["type"] == "builtins.KeyError"
    assert exception["message"] == repr("a\nb")
    assert exception["traceback"].startswith("Traceback (most recent call last):\n")
    assert exception["traceback"].endswith("KeyError: 'a\\nb'\n")


def test_an_exception_that_cannot_be_shown_is_logged():
    exception = line("Failed", exc_info=raised(Unprintable()))["exception"]

    assert exception["type"].endswith("Unprintable")
    assert "raise failure" in exception["traceback"]


def test_the_ids_and_the_caller_come_from_the_context():
    context = log_context.RequestContext(
        request_id=ID,
        global_request_id=ID,
        user_id="ann",
        project_id="one",
    )
    # The thread would keep it.
    NOTHING.update_store()

    logged = line("x", context=context)

    assert (logged["request_id"], logged["global_request_id"]) == (ID, ID)
    assert (logged["user_id"], logged["project_id"]) == ("ann", "one")


def test_no_field_shows_a_secret():
    text = "postgresql://placement:hunter2@db/placement"
    logged = json.dumps(
        line(text, exc_info=raised(OSError(text)), **json_lines.fields(path=text))
    )

    assert "hunter2" not in logged
    assert logged.count("placement:***@db") == 4


def test_a_secret_that_the_cut_would_split_is_not_shown():
    text = "x" * (json_lines.MESSAGE_MAX - 20) + " postgresql://a:hunter2hunter2@db"

    assert "hunter" not in line(text)["message"]
