"""Every message that ``docs/troubleshooting.md`` quotes exists in the code.

Messages in the code are constants, f-strings, and templates for ``str.format`` or for
logging. ``<...>`` in the page stands for a part that the code fills in.
"""

import ast
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).parents[2]
PAGE = ROOT / "docs" / "troubleshooting.md"

# Messages of SQLite, which the service does not write.
OF_OTHERS = {"database is locked"}

_QUOTED = re.compile(r"^```text\n(.*?)^```$", re.M | re.S)
_PLACEHOLDER = re.compile(r"<[^<>]*>")
# A part that the code fills in: of str.format, and of logging.
_HOLE = re.compile(r"\{\w*(?:![rsa])?(?::[^{}]*)?\}|%[sd]")
_FILLED = "\0"


def templates() -> set[str]:
    """Return all strings of the code, with a mark for each part that is filled in."""
    found = set()
    for path in (ROOT / "placement").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(_HOLE.sub(_FILLED, node.value))
            elif isinstance(node, ast.JoinedStr):
                found.add("".join(map(part, node.values)))
    # A concatenation with another template.
    return found | {f"update conflict: {each}" for each in found if "in use." in each}


def part(node: ast.expr) -> str:
    is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
    return ast.literal_eval(node) if is_text else _FILLED


def is_written_by(message: str, template: str, constants: set[str]) -> bool:
    """Return whether a template can become a message, and has most of its words.

    A part that is filled in with a constant of the code counts as words.
    """
    texts = template.split(_FILLED)
    if not all(text in message for text in texts):
        return False
    found = re.fullmatch("(.+)".join(map(re.escape, texts)), message)
    if found is None:
        return False
    filled = sum(len(each) for each in found.groups() if each not in constants)
    filled -= sum(map(len, _PLACEHOLDER.findall(message)))
    return filled * 2 < len(_PLACEHOLDER.sub("", message))


QUOTED = [
    line
    for block in _QUOTED.findall(PAGE.read_text())
    for line in block.splitlines()
    if line not in OF_OTHERS
]


def test_quoted_messages_exist_in_the_code() -> None:
    written = templates()
    invented = [
        message
        for message in QUOTED
        if not any(is_written_by(message, each, written) for each in written)
    ]

    assert QUOTED
    assert invented == []


@pytest.mark.parametrize(
    ("message", "is_written"),
    [
        ("No token for <URL>. Set PLACEMENT_TOKEN or --token.", True),
        ("No token for <URL>. Set PLACEMENT_TOKEN or --password.", False),
        ("[-]database failed: the database does not answer", True),
        ("[-]database failed: the database is asleep, or nearly so", False),
    ],
)
def test_a_message_is_compared_with_its_template(
    message: str, is_written: bool
) -> None:
    written = {
        f"No token for {_FILLED}. Set PLACEMENT_TOKEN or --token.",
        f"[-]{_FILLED} failed: {_FILLED}",
        "the database does not answer",
        f"{_FILLED}.",
    }

    found = any(is_written_by(message, each, written) for each in written)

    assert found is is_written
