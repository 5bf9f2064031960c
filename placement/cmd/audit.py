"""``placement-manage db audit``: what does not agree in the database."""

import collections
import collections.abc
import dataclasses
import itertools
import json
import typing

import sqlalchemy as sa

from placement.conf.settings import PlacementSettings
from placement.db import migrations, transaction
from placement.objects import audit
from placement.objects.audit import Fact

if typing.TYPE_CHECKING:
    from rich.table import Table

CLEAN, FINDINGS = 0, 1

# Findings that are mended in one transaction, which keeps other writers waiting.
_BATCH = 200

# Findings of one fact that a table shows.
_EXAMPLES = 3

_About = dict[str, str | int | None]


def run(
    engine: sa.Engine, settings: PlacementSettings, is_fixing: bool, is_json: bool
) -> int:
    """Audit the database in one snapshot and print what is wrong.

    With ``is_fixing``, what has one right answer is mended before.

    Returns the exit status: whether anything is wrong, or left so.
    Raises ConfigurationError when the schema is not the newest.
    """
    migrations.require_current(engine)
    mended = mend(engine, settings) if is_fixing else None
    with transaction.snapshot(engine) as conn:
        report = _print_json if is_json else _print_table
        left = report(engine.url.render_as_string(), mended, findings(conn))
    return FINDINGS if left else CLEAN


def findings(conn: sa.Connection) -> collections.abc.Iterator[tuple[Fact, _About]]:
    """Yield every finding with the fact that it breaks, fact by fact."""
    for fact in audit.FACTS:
        for row in conn.execute(fact.findings):
            yield fact, {name: _plain(value) for name, value in row._mapping.items()}


def _plain(value: typing.Any) -> str | int | None:
    # Sums are decimals on MariaDB, and a capacity is a product of doubles.
    return value if value is None or isinstance(value, str) else int(value)


def mend(engine: sa.Engine, settings: PlacementSettings) -> dict[str, int]:
    """Mend what has one right answer; returns how many findings, by fact.

    One short transaction for some findings at a time, so that a service may run
    meanwhile. Memory does not grow with their number.
    """
    mended: collections.Counter[str] = collections.Counter()
    for fact in audit.FACTS:
        if fact.mend is not None:
            for keys in _keys(engine, fact):
                work = _work(fact.mend, keys, settings)
                mended[fact.name] += transaction.write_to(engine, work)
    return dict(+mended)


def _work(
    mend_some: audit.Mend, keys: audit.Keys, settings: PlacementSettings
) -> collections.abc.Callable[[sa.Connection], int]:
    return lambda conn: mend_some(conn, keys, settings)


def _keys(engine: sa.Engine, fact: Fact) -> collections.abc.Iterator[list[typing.Any]]:
    with transaction.snapshot(engine) as conn:
        keys = (row._mapping[fact.key] for row in conn.execute(fact.findings))
        while batch := list(itertools.islice(keys, _BATCH)):
            yield batch


_Found = collections.abc.Iterable[tuple[Fact, _About]]


def _print_json(url: str, mended: dict[str, int] | None, found: _Found) -> int:
    """Print one document, a line per finding as it is read; returns how many."""
    print(f'{{"database": {json.dumps(url)},')
    print(f' "mended": {json.dumps(mended or {})},')
    print(' "findings": [', end="")
    left: collections.Counter[str] = collections.Counter()
    for fact, about in found:
        line = {
            "fact": fact.name,
            "can_be_mended": fact.mend is not None,
            "about": about,
        }
        print("," if left else "", json.dumps(line), sep="\n  ", end="")
        left[fact.name] += 1
    print(f'],\n "left": {json.dumps(left)}}}')
    return left.total()


@dataclasses.dataclass
class _Broken:
    """A fact that is broken: how often, and the first findings."""

    fact: Fact
    count: int = 0
    examples: list[_About] = dataclasses.field(default_factory=list)

    def add(self, about: _About) -> None:
        self.count += 1
        if len(self.examples) < _EXAMPLES:
            self.examples.append(about)


def _print_table(url: str, mended: dict[str, int] | None, found: _Found) -> int:
    broken: dict[str, _Broken] = {}
    for fact, about in found:
        broken.setdefault(fact.name, _Broken(fact)).add(about)
    # Where there is nothing to show, rich takes long to import.
    from rich.console import Console  # noqa: PLC0415 - slow

    console = Console(highlight=False, markup=False)
    console.print(f"Audit of {url}", soft_wrap=True)
    if mended:
        console.print(_mended(mended))
    if broken:
        console.print(_left(broken.values()))
    left = sum(each.count for each in broken.values())
    mendable = sum(each.count for each in broken.values() if each.fact.mend)
    console.print(_summary(left, mendable, mended), soft_wrap=True)
    return left


def _mended(mended: dict[str, int]) -> "Table":
    table = _table("Fact", "Mended", "What was wrong, and what was done")
    for fact in audit.FACTS:
        if fact.name in mended:
            text = f"{fact.broken} {fact.advice}"
            table.add_row(fact.name, str(mended[fact.name]), text)
    return table


def _left(broken: collections.abc.Iterable[_Broken]) -> "Table":
    table = _table("Fact", "Found", "What is wrong, where, and what mends it")
    for each in broken:
        lines = [each.fact.broken, *map(_sentence, each.examples)]
        if each.count > len(each.examples):
            lines.append(f"... and {each.count - len(each.examples)} more")
        means = "--fix: " if each.fact.mend else ""
        lines.append(f"{means}{each.fact.advice}")
        table.add_row(each.fact.name, str(each.count), "\n".join(lines))
    return table


def _table(*columns: str) -> "Table":
    from rich.table import Table  # noqa: PLC0415 - slow

    first, number, text = columns
    table = Table(show_lines=True)
    table.add_column(first, no_wrap=True)
    table.add_column(number, justify="right", no_wrap=True)
    table.add_column(text, overflow="fold")
    return table


def _sentence(about: _About) -> str:
    told = (
        f"{name} {'-' if value is None else value}" for name, value in about.items()
    )
    return "  " + ", ".join(told)


def _summary(left: int, mendable: int, mended: dict[str, int] | None) -> str:
    words = []
    if mended is not None:
        words.append(f"{sum(mended.values())} mended.")
    words.append(f"{left or 'Nothing'} {'left' if mended is not None else 'found'}.")
    if mendable:
        words.append(f"{mendable} of them can be mended: run it with --fix.")
    return " ".join(words)
