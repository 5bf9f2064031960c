"""Modules and functions are short, unless a comment gives the reason.

``# Whole: reason`` at the top level of a module, or inside a function, exempts it.
"""

import ast
import io
import pathlib
import tokenize

import pytest

import placement

ROOT = pathlib.Path(placement.__file__).parent
MODULES = {str(path.relative_to(ROOT)): path for path in ROOT.rglob("*.py")}

MODULE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60
EXEMPTION = "# Whole: "


def exempted(text):
    """Return the lines with an exemption, and whether each is at the top level."""
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return {
        token.start[0]: token.start[1] == 0
        for token in tokens
        if token.type == tokenize.COMMENT and token.string.startswith(EXEMPTION)
    }


def too_long(text):
    """Yield what is too long in a module: functions, and ``module``."""
    exemptions = exempted(text)
    if len(text.splitlines()) > MODULE_LINES_MAX and True not in exemptions.values():
        yield "module"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = range(node.lineno, (node.end_lineno or node.lineno) + 1)
            if len(lines) > FUNCTION_LINES_MAX and exemptions.keys().isdisjoint(lines):
                yield node.name


@pytest.mark.parametrize("name", sorted(MODULES))
def test_modules_and_functions_are_short_or_say_why_not(name):
    assert list(too_long(MODULES[name].read_text())) == []


def function(lines, comment=""):
    return f"def f():{comment}\n" + "    pass\n" * (lines - 1)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a\n" * 400, []),
        ("a\n" * 401, ["module"]),
        ("# Whole: one table.\n" + "a\n" * 400, []),
        ("a\n" * 400 + "if a:\n    # Whole: not the module.\n    a\n", ["module"]),
        (function(60), []),
        (function(61), ["f"]),
        (function(61, "  # Whole: one statement."), []),
        ("# Whole: only the module.\n" + function(61), ["f"]),
    ],
)
def test_the_limits_and_their_exemptions(text, found):
    assert list(too_long(text)) == found
