"""One JSON object per line of the log.

The names of the fields are documented in docs/logs.md, and stay. A field without a
value is left out. Every text has a maximum length, and only ASCII characters are
written, so that no message can break a line or the encoding of the file.
"""

import json
import logging
import re
import sys
import time
import traceback
import typing
import urllib.parse

from oslo_context import context as log_context

from placement.logs.masking import mask

# The attribute of a record with further fields, see ``fields``.
_FIELDS = "placement_fields"

MESSAGE_MAX, TRACEBACK_MAX, TEXT_MAX = 8192, 16384, 2048
_CUT = "... [cut]"

_REQUEST_ID = re.compile(r"req-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

# Of gunicorn's access log: the field of each atom.
_ACCESS_LOG = "gunicorn.access"
_ATOMS = {
    "m": "method",
    "h": "remote_address",
    "B": "bytes",
    "{placement.version}e": "microversion",
    "{placement.request_id}e": "request_id",
}


def fields(**values: typing.Any) -> dict[str, typing.Any]:
    """Return the argument ``extra`` of a log call that adds fields to its line.

    A value of None is left out.
    """
    return {_FIELDS: values}


class JsonFormatter(logging.Formatter):
    """Writes a record as a JSON object.

    The arguments are those that a file of ``log_config_append`` passes; they have no
    effect.
    """

    def __init__(self, *_args: typing.Any, **_options: typing.Any) -> None:
        super().__init__()

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, typing.Any] = {
            "time": _time(record.created),
            "level": record.levelname,
            "logger": record.name,
            "message": _message(record),
            "process": record.process,
        }
        context = record.__dict__.get("context") or log_context.get_current()
        if context:
            line["request_id"] = context.request_id
            line["global_request_id"] = context.global_request_id
            line["user_id"] = context.user_id
            line["project_id"] = context.project_id
        line |= _trace()
        if record.name == _ACCESS_LOG and isinstance(record.args, dict):
            line |= _of_access_log(record.args)
        line |= record.__dict__.get(_FIELDS, {})
        if record.exc_info and record.exc_info[1] is not None:
            line["exception"] = _exception(record.exc_info[1])
        return json.dumps(
            {
                name: _value(name, each)
                for name, each in line.items()
                if each is not None
            }
        )


def _time(seconds: float) -> str:
    whole, fraction = divmod(seconds, 1)
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole))
    return f"{stamp}.{int(fraction * 1000):03}Z"


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:
        # The arguments do not fit the text, or cannot be shown.
        return str(record.msg)


def _trace() -> dict[str, str]:
    """Return the ids of the current span, if tracing is used in this process."""
    trace = sys.modules.get("opentelemetry.trace")
    if trace is None:
        return {}
    span = trace.get_current_span().get_span_context()
    if not span.is_valid:
        return {}
    return {
        "trace_id": trace.format_trace_id(span.trace_id),
        "span_id": trace.format_span_id(span.span_id),
    }


def _of_access_log(atoms: dict[str, typing.Any]) -> dict[str, typing.Any]:
    found = {field: atoms.get(atom) for atom, field in _ATOMS.items()}
    path = urllib.parse.quote(str(atoms.get("U", "")), encoding="latin-1")
    query = atoms.get("q")
    found["path"] = f"{path}?{query}" if query else path
    status = str(atoms.get("s", ""))
    found["status"] = int(status) if status.isdecimal() else None
    microseconds = atoms.get("D")
    if isinstance(microseconds, int):
        found["duration_ms"] = microseconds / 1000
    given = str(atoms.get("{x-openstack-request-id}i", ""))
    found["global_request_id"] = given if _REQUEST_ID.fullmatch(given) else None
    return found


def _exception(failure: BaseException) -> dict[str, str]:
    kind = type(failure)
    try:
        message = str(failure)
    except Exception:
        message = ""
    try:
        lines = "".join(traceback.format_exception(failure))
    except Exception:
        lines = "".join(traceback.format_tb(failure.__traceback__))
    return {
        "type": f"{kind.__module__}.{kind.__qualname__}",
        "message": _text(message, TEXT_MAX),
        # Its end says what was raised.
        "traceback": _text(lines, TRACEBACK_MAX, is_end_kept=True),
    }


def _value(name: str, value: typing.Any) -> typing.Any:
    # Only the exception is a dictionary, and its texts are masked already.
    if isinstance(value, bool | int | float | dict):
        return value
    return _text(str(value), MESSAGE_MAX if name == "message" else TEXT_MAX)


def _text(text: str, length: int, is_end_kept: bool = False) -> str:
    """Return ``text`` without secrets, with at most ``length`` characters."""
    # Masking takes time by length. A secret at the cut needs more than is kept.
    around = slice(-2 * length, None) if is_end_kept else slice(2 * length)
    text = mask(text[around])
    if len(text) > length:
        room = length - len(_CUT)
        text = _CUT + text[-room:] if is_end_kept else text[:room] + _CUT
    if not text.isascii():
        # One half of a surrogate pair is refused by strict parsers.
        text = text.encode(errors="backslashreplace").decode()
    return text
