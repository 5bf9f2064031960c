"""The command ``placement-manage``: maintenance of the database."""

import argparse
import collections
import collections.abc
import contextlib
import importlib.metadata
import logging
import sys
import typing

import alembic.util
import sqlalchemy as sa
from oslo_config import cfg

from placement import distribution, exception
from placement.cmd import audit, progress, table
from placement.conf import find, log, settings
from placement.db import data_migrations, migrations
from placement.db import engine as engines

LOG = logging.getLogger(__name__)

PROGRAM = "placement-manage"
BATCH_ROWS = 50

DONE, FAILED, MORE_TO_DO, MIGRATION_FAILED, WRONG_COUNT = 0, 1, 1, 2, 127
# Of an audit, whose status 1 means findings.
AUDIT_FAILED = 2

_FAILURES = (
    exception.PlacementError,
    sa.exc.SQLAlchemyError,
    alembic.util.CommandError,
)


def main(argv: collections.abc.Sequence[str] | None = None) -> int:
    """Run the command with the arguments ``argv``, by default those of the process.

    Returns the exit status.
    Raises SystemExit for help, ``--version`` and usage errors, as argparse does.
    Source: API reference, "Commands".
    """
    try:
        distribution.require_sole()
        config = find.command_config(
            sys.argv[1:] if argv is None else argv,
            [cfg.SubCommandOpt("command", title="Commands", handler=_add_commands)],
            prog=PROGRAM,
            version=importlib.metadata.version(distribution.NAME),
        )
        if config.command.name is None:
            config.print_help()
            return FAILED
        log.setup_for_command(config)
        status: int = config.command.run(config)
        return status
    except _FAILURES as failure:
        _print_failure(failure)
        return FAILED


def _print_failure(failure: Exception) -> None:
    LOG.debug("%s failed", PROGRAM, exc_info=True)
    print(f"{PROGRAM}: {failure}", file=sys.stderr)


def _add_commands(commands: typing.Any) -> None:
    commands.required = False
    db = commands.add_parser("db", help="maintain the database")
    db.set_defaults(run=_shows_help(db))
    of_db = db.add_subparsers(title="Commands")

    sync = of_db.add_parser("sync", help="upgrade the schema")
    sync.set_defaults(run=_sync)

    version = of_db.add_parser("version", help="show the revision of the schema")
    version.set_defaults(run=_version)

    stamp = of_db.add_parser(
        "stamp", help="set the revision of the schema without migrating it"
    )
    stamp.add_argument("revision", help="id of a revision, or head")
    stamp.set_defaults(run=_stamp)

    online_data = of_db.add_parser(
        "online_data_migrations",
        help="update data that an older version wrote, while the service runs",
    )
    online_data.add_argument(
        "--max-count",
        metavar="N",
        help="change at most N rows; by default all, in batches",
    )
    online_data.set_defaults(run=_online_data_migrations)

    audited = of_db.add_parser(
        "audit", help="report inconsistent data, while the service runs"
    )
    audited.add_argument(
        "--fix",
        action="store_true",
        help="first repair what has only one possible repair",
    )
    audited.add_argument(
        "--json", action="store_true", help="print all findings as JSON"
    )
    audited.set_defaults(run=_audit)


def _shows_help(
    parser: argparse.ArgumentParser,
) -> collections.abc.Callable[[cfg.ConfigOpts], int]:
    def show(_config: cfg.ConfigOpts) -> int:
        parser.print_help()
        return DONE

    return show


def _sync(config: cfg.ConfigOpts) -> int:
    with (
        _database(config) as (engine, _),
        progress.shown("Providers counted") as report,
    ):
        migrations.sync(engine, report=report)
    return DONE


def _version(config: cfg.ConfigOpts) -> int:
    with _database(config) as (engine, _):
        print(migrations.version(engine))
    return DONE


def _stamp(config: cfg.ConfigOpts) -> int:
    with _database(config) as (engine, _):
        migrations.stamp(engine, config.command.revision)
    return DONE


def _online_data_migrations(config: cfg.ConfigOpts) -> int:
    given = config.command.max_count
    max_count = None if given is None else _positive(given)
    if max_count == 0:
        print("Must supply a positive value for max_count")
        return WRONG_COUNT
    with _database(config) as (engine, loaded):
        totals = _Totals()
        if max_count is None:
            print(f"Running batches of {BATCH_ROWS} until complete")
            while _run_batch(engine, loaded, BATCH_ROWS, totals):
                pass
        else:
            _run_batch(engine, loaded, max_count, totals)
    print(totals.table())
    if max_count is not None and totals.done.total():
        return MORE_TO_DO
    if totals.failed:
        print("Some migrations failed unexpectedly. Check log for details.")
        return MIGRATION_FAILED
    return DONE


def _audit(config: cfg.ConfigOpts) -> int:
    try:
        with _database(config) as (engine, loaded):
            return audit.run(
                engine, loaded.placement, config.command.fix, config.command.json
            )
    except _FAILURES as failure:
        _print_failure(failure)
        return AUDIT_FAILED


def _positive(text: str) -> int:
    """Return the number of rows, 0 for text that is not a positive number."""
    return int(text) if text.isascii() and text.isdigit() else 0


class _Totals:
    """Rows found and migrated so far, by migration, and the migrations that failed."""

    def __init__(self) -> None:
        self.found: dict[str, int] = {}
        self.done: collections.Counter[str] = collections.Counter()
        self.failed: set[str] = set()

    def table(self) -> str:
        names = [migration.name for migration in data_migrations.MIGRATIONS]
        return table.columns(
            ("Migration", "Total Found", "Completed"),
            [(name, self.found.get(name, 0), self.done[name]) for name in names],
        )


def _run_batch(
    engine: sa.Engine, loaded: settings.Settings, rows: int, totals: _Totals
) -> int:
    """Run the migrations in order until they have changed ``rows`` rows in total.

    A failure of one is printed and logged, and does not stop the others.

    Returns the number of changed rows.
    """
    left = rows
    for migration in data_migrations.MIGRATIONS:
        if not left:
            break
        try:
            found, done = migration.run(engine, loaded, left)
        except Exception:
            LOG.exception(
                "The online data migration %s failed. Run it again; if that fails, "
                "report it with the traceback.",
                migration.name,
            )
            print(f"Error attempting to run {migration.name}")
            totals.failed.add(migration.name)
            continue
        if found:
            print(f"{found} rows matched query {migration.name}, {done} migrated")
        # Later batches find only what the first one left.
        totals.found.setdefault(migration.name, found)
        totals.done[migration.name] += done
        left -= done
    return rows - left


@contextlib.contextmanager
def _database(
    config: cfg.ConfigOpts,
) -> collections.abc.Iterator[tuple[sa.Engine, settings.Settings]]:
    loaded = settings.load(config)
    engine = engines.create_engine(loaded.database)
    try:
        yield engine, loaded
    finally:
        engine.dispose()


if __name__ == "__main__":
    sys.exit(main())
