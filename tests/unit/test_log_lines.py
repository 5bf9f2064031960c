"""Every line at WARNING or above says what to do, and is in the documents as it is."""

import ast
import pathlib
import re

import pytest

import placement
from placement.logs import json_lines

ROOT = pathlib.Path(placement.__file__).parent
DOCUMENTS = ROOT.parent / "docs"
DOCUMENT = (DOCUMENTS / "logs.md").read_text()
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


def documented(document=DOCUMENT, heading="Lines to act on"):
    """Return the lines of a table, without an end that is left out."""
    section = document.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    quoted = re.findall(r"^\| `(.*?)` \|", section, re.MULTILINE)
    return {line.removesuffix("...").rstrip() for line in quoted}


def test_every_line_to_act_on_is_documented():
    undocumented = {
        line for line in logged() if not line.startswith(tuple(documented()))
    }

    assert len(logged()) > 20
    assert undocumented == set()


@pytest.mark.parametrize(
    ("page", "heading"),
    [
        ("logs.md", "Lines to act on"),
        ("databases.md", "What clients see during an outage"),
    ],
)
def test_every_documented_line_exists(page, heading):
    quoted = documented((DOCUMENTS / page).read_text(), heading)
    lines = logged()

    assert quoted
    assert {
        each for each in quoted if not any(line.startswith(each) for line in lines)
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
