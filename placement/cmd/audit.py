"""``placement-manage db audit``: find and repair inconsistent data."""

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

# Findings repaired in one transaction, which blocks other writers.
_BATCH = 200

# Findings of each fact that the table shows.
_EXAMPLES = 3

_About = dict[str, str | int | None]


def run(
    engine: sa.Engine, settings: PlacementSettings, is_fixing: bool, is_json: bool
) -> int:
    """Audit the database in one snapshot and print the findings.

    With ``is_fixing``, first repair findings with only one possible repair.

    Returns the exit status: FINDINGS if anything is wrong, or left so.
    Raises ConfigurationError when the schema is not current.
    """
    migrations.require_current(engine)
    repaired = repair(engine, settings) if is_fixing else None
    with transaction.snapshot(engine) as conn:
        report = _print_json if is_json else _print_table
        left = report(engine.url.render_as_string(), repaired, findings(conn))
    return FINDINGS if left else CLEAN


def findings(conn: sa.Connection) -> collections.abc.Iterator[tuple[Fact, _About]]:
    """Yield every finding with the fact that it violates, grouped by fact."""
    for fact in audit.FACTS:
        for row in conn.execute(fact.findings):
            yield fact, {name: _plain(value) for name, value in row._mapping.items()}


def _plain(value: typing.Any) -> str | int | None:
    # Sums are decimals on MariaDB, and capacities are doubles.
    return value if value is None or isinstance(value, str) else int(value)


def repair(engine: sa.Engine, settings: PlacementSettings) -> dict[str, int]:
    """Repair findings with only one possible repair.

    Uses short transactions of ``_BATCH`` findings, so that the service can run
    meanwhile. Memory does not grow with the number of findings.

    Returns the number of repaired findings by fact.
    """
    repaired: collections.Counter[str] = collections.Counter()
    for fact in audit.FACTS:
        if fact.repair is not None:
            for keys in _keys(engine, fact):
                work = _work(fact.repair, keys, settings)
                repaired[fact.name] += transaction.write_to(engine, work)
    return dict(+repaired)


def _work(
    repair_some: audit.Repair, keys: audit.Keys, settings: PlacementSettings
) -> collections.abc.Callable[[sa.Connection], int]:
    return lambda conn: repair_some(conn, keys, settings)


def _keys(engine: sa.Engine, fact: Fact) -> collections.abc.Iterator[list[typing.Any]]:
    with transaction.snapshot(engine) as conn:
        keys = (row._mapping[fact.key] for row in conn.execute(fact.findings))
        while batch := list(itertools.islice(keys, _BATCH)):
            yield batch


_Found = collections.abc.Iterable[tuple[Fact, _About]]


def _print_json(url: str, repaired: dict[str, int] | None, found: _Found) -> int:
    """Print one document, with a line for each finding as it is read.

    Returns the number of findings.
    """
    print(f'{{"database": {json.dumps(url)},')
    print(f' "mended": {json.dumps(repaired or {})},')
    print(' "findings": [', end="")
    left: collections.Counter[str] = collections.Counter()
    for fact, about in found:
        line = {
            "fact": fact.name,
            "can_be_mended": fact.repair is not None,
            "about": about,
        }
        print("," if left else "", json.dumps(line), sep="\n  ", end="")
        left[fact.name] += 1
    print(f'],\n "left": {json.dumps(left)}}}')
    return left.total()


@dataclasses.dataclass
class _Broken:
    """The number of findings of one fact, and the first of them."""

    fact: Fact
    count: int = 0
    examples: list[_About] = dataclasses.field(default_factory=list)

    def add(self, about: _About) -> None:
        self.count += 1
        if len(self.examples) < _EXAMPLES:
            self.examples.append(about)


def _print_table(url: str, repaired: dict[str, int] | None, found: _Found) -> int:
    broken: dict[str, _Broken] = {}
    for fact, about in found:
        broken.setdefault(fact.name, _Broken(fact)).add(about)
    from rich.console import Console  # noqa: PLC0415 - slow

    console = Console(highlight=False, markup=False)
    console.print(f"Audit of {url}", soft_wrap=True)
    if repaired:
        console.print(_repaired_table(repaired))
    if broken:
        console.print(_left_table(broken.values()))
    left = sum(each.count for each in broken.values())
    repairable = sum(each.count for each in broken.values() if each.fact.repair)
    console.print(_summary(left, repairable, repaired), soft_wrap=True)
    return left


def _repaired_table(repaired: dict[str, int]) -> "Table":
    table = _table("Fact", "Repaired", "Finding and repair")
    for fact in audit.FACTS:
        if fact.name in repaired:
            text = f"{fact.broken} {fact.advice}"
            table.add_row(fact.name, str(repaired[fact.name]), text)
    return table


def _left_table(broken: collections.abc.Iterable[_Broken]) -> "Table":
    table = _table("Fact", "Found", "Finding, examples and repair")
    for each in broken:
        lines = [each.fact.broken, *map(_sentence, each.examples)]
        if each.count > len(each.examples):
            lines.append(f"... and {each.count - len(each.examples)} more")
        prefix = "--fix: " if each.fact.repair else ""
        lines.append(f"{prefix}{each.fact.advice}")
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
    words = (
        f"{name} {'-' if value is None else value}" for name, value in about.items()
    )
    return "  " + ", ".join(words)


def _summary(left: int, repairable: int, repaired: dict[str, int] | None) -> str:
    sentences = []
    if repaired is not None:
        sentences.append(f"{sum(repaired.values())} repaired.")
    verb = "found" if repaired is None else "left"
    sentences.append(f"{left or 'Nothing'} {verb}.")
    if repairable:
        sentences.append(f"Run with --fix to repair {repairable} of them.")
    return " ".join(sentences)
