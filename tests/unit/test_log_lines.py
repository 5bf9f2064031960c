"""Every line at WARNING or above says what to do, and is in docs/logs.md."""

import ast
import pathlib
import re

import placement
from placement.logs import json_lines

ROOT = pathlib.Path(placement.__file__).parent
DOCUMENT = (ROOT.parent / "docs" / "logs.md").read_text()
LEVELS = {"warning", "error", "exception", "critical"}


def texts(node, constants):
    """Return the texts that an argument may be."""
    if isinstance(node, ast.Constant):
        return [node.value]
    if isinstance(node, ast.IfExp):
        return texts(node.body, constants) + texts(node.orelse, constants)
    return [constants[node.id]]


def lines_of(tree):
    constants = {
        node.targets[0].id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in LEVELS
            and ast.unparse(node.func.value) in ("LOG", "self.log")
        ):
            yield from texts(node.args[0], constants)


def logged():
    """Return the lines, with ``...`` in place of values."""
    found = set()
    for path in ROOT.rglob("*.py"):
        lines = lines_of(ast.parse(path.read_text()))
        found |= {re.sub(r"%[\d.]*[a-z]", "...", line) for line in lines}
    return found


def documented():
    section = DOCUMENT.partition("## Lines to act on")[2].partition("\n## ")[0]
    return set(re.findall(r"^\| `(.*?)` \|", section, re.MULTILINE))


def test_every_line_to_act_on_is_documented():
    undocumented = {
        line for line in logged() if not line.startswith(tuple(documented()))
    }

    assert len(logged()) > 20
    assert undocumented == set()


def test_every_documented_line_exists():
    lines = logged()

    assert {
        quoted
        for quoted in documented()
        if not any(line.startswith(quoted) for line in lines)
    } == set()


def test_the_fields_are_documented():
    rows = re.findall(
        r"^\| (`[a-z_`, ]+`) \| (?:text|number|object) \|", DOCUMENT, re.M
    )
    fields = {name for row in rows for name in re.findall(r"`(\w+)`", row)}

    assert fields == {
        *("time", "level", "logger", "message", "process", "exception"),
        *("request_id", "global_request_id", "user_id", "project_id"),
        *("method", "path", "status", "duration_ms", "bytes", "remote_address"),
        *("microversion", "trace_id", "span_id"),
    }
    for length in (
        json_lines.MESSAGE_MAX,
        json_lines.TRACEBACK_MAX,
        json_lines.TEXT_MAX,
    ):
        assert f"{length:,}" in DOCUMENT
