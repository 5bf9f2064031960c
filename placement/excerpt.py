"""The first characters of values, for messages about them.

A value may be as large as a request. An excerpt costs only what it shows.
"""

import pprint
import typing

LENGTH_MAX = 200
CUT = "..."

# The line width in the messages of the jsonschema library.
_WIDTH = 72


def of_text(value: object) -> str:
    """Return ``value`` as text, cut after LENGTH_MAX characters."""
    text = value if isinstance(value, str) else str(value)
    return text if len(text) <= LENGTH_MAX else text[:LENGTH_MAX] + CUT


def of_json(value: typing.Any) -> str:
    """Return the ``repr`` of a value from JSON, cut after LENGTH_MAX characters."""
    head, _ = _head(value, LENGTH_MAX)
    # What was left out is beyond the cut.
    return of_text(repr(head))


def is_short(value: typing.Any, length: int = LENGTH_MAX) -> bool:
    """The ``repr`` of a value from JSON has at most about ``length`` characters.

    Reads no more of the value than that.
    """
    _, room = _head(value, length)
    return room >= 0


class Pretty:
    """An object whose ``repr`` is the ``pprint`` of a value from JSON.

    It is cut after LENGTH_MAX characters if ``of_json`` is.
    """

    def __init__(self, value: typing.Any) -> None:
        head, _ = _head(value, LENGTH_MAX)
        self._text = pprint.pformat(head, width=_WIDTH, sort_dicts=False)
        if len(repr(head)) > LENGTH_MAX:
            self._text = self._text[:LENGTH_MAX] + CUT

    def __repr__(self) -> str:
        return self._text


def _head(value: typing.Any, room: int) -> tuple[typing.Any, int]:
    """Return the beginning of ``value``, and how much of ``room`` is left.

    ``room`` counts characters of the ``repr``. It becomes negative if something was
    left out; the ``repr`` of the beginning is then longer than ``room``.
    """
    if isinstance(value, str):
        return value[: max(room, 0)], room - len("''") - len(value)
    if isinstance(value, list):
        items = []
        for each in value:
            if room < 0:
                break
            item, room = _head(each, room - len(", "))
            items.append(item)
        return items, room if value else room - len("[]")
    if isinstance(value, dict):
        members = {}
        for name, each in value.items():
            if room < 0:
                break
            _, room = _head(name, room - len(": , "))
            # Cut after more than is shown, so that two names do not become the same.
            members[name[: LENGTH_MAX + 1]], room = _head(each, room)
        return members, room if value else room - len("{}")
    return value, room - len(repr(value))
