"""Only ``placement.db.revision`` creates the revisions that are written."""

import ast
import pathlib

import pytest
import sqlalchemy as sa

import placement
from placement.db import revision, tables
from tests.unit import sql_files

ROOT = pathlib.Path(placement.__file__).parent
GIVING = ("revision.next_of", "revision.first", "first")
FILES = {
    str(path.relative_to(ROOT)): path
    for path in ROOT.rglob("*.py")
    if path != pathlib.Path(revision.__file__)
}


def written(tree: ast.AST) -> list[ast.expr]:
    """Return the values written to a column ``revision``, and additions to it."""
    found: list[ast.expr] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and not is_value(node):
            found += [each.value for each in node.keywords if each.arg == "revision"]
        elif isinstance(node, ast.Dict):
            pairs = zip(node.keys, node.values, strict=True)
            found += [value for key, value in pairs if is_named(key)]
        elif isinstance(node, ast.BinOp):
            sides = (node.left, node.right)
            found += [node for side in sides if ast.unparse(side).endswith(".revision")]
        elif is_text(node) and "set revision" in ast.unparse(node).lower():
            found.append(node)
    return found


def is_value(call: ast.Call) -> bool:
    """A frozen value is made, such as a ProviderView: it has read a revision."""
    return ast.unparse(call.func).split(".")[-1][:1].isupper()


def is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def is_named(key: ast.expr | None) -> bool:
    return isinstance(key, ast.Constant) and key.value == "revision"


def is_given(value: ast.expr) -> bool:
    return isinstance(value, ast.Call) and ast.unparse(value.func) in GIVING


def test_files_that_write_revisions_are_found() -> None:
    writing = [name for name, path in FILES.items() if written(parsed(path))]

    assert {"db/names.py", "db/reconcile.py", "objects/tree.py"} <= set(writing)


def test_no_other_module_creates_revisions() -> None:
    made = {
        name: [
            ast.unparse(value) for value in written(parsed(path)) if not is_given(value)
        ]
        for name, path in FILES.items()
    }

    assert {name: of_file for name, of_file in made.items() if of_file} == {}


def parsed(path: pathlib.Path) -> ast.AST:
    return ast.parse(path.read_text())


@pytest.mark.parametrize(
    "text",
    [
        "sa.update(t).values(revision=t.c.revision + 1)",
        "sa.insert(t).values(revision=1)",
        "row = {'revision': 1}",
        "values = {'revision': time.time_ns() // 1000}",
        "changed = 1 + t.c.revision",
        "sa.text('UPDATE t SET revision = 7')",
    ],
)
def test_other_ways_to_create_a_revision_are_found(text: str) -> None:
    assert not all(map(is_given, written(ast.parse(text))))


@pytest.mark.parametrize("dialect", sql_files.DIALECTS)
def test_the_sql_of_a_revision(dialect: str) -> None:
    changes = tables.name_changes
    advance = sa.update(changes).values(revision=revision.next_of(changes.c.revision))
    add = sa.insert(changes).values(id=1, revision=revision.first())

    directory = pathlib.Path(__file__).parent / "sql"
    sql_files.assert_sql(directory, advance, "next_revision", dialect)
    sql_files.assert_sql(directory, add, "first_revision", dialect)
