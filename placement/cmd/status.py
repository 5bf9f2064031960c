"""The command ``placement-status``: checks before an upgrade."""

import collections.abc
import enum
import json
import sys
import traceback
import typing

import sqlalchemy as sa
from oslo_config import cfg

from placement import distribution, exception
from placement.cmd import table
from placement.conf import find, log, settings
from placement.db import checks
from placement.db import engine as engines

PROGRAM = "placement-status"

EXCEPTION = 255


class Result(enum.IntEnum):
    """The result of a check; the worst one is the exit status."""

    SUCCESS = 0
    WARNING = 1
    FAILURE = 2


class Finding(typing.NamedTuple):
    """What one check found; ``details`` say how to fix it, None if nothing is wrong."""

    result: Result
    details: str | None = None


OK = Finding(Result.SUCCESS)


def main(argv: collections.abc.Sequence[str] | None = None) -> int:
    """Run the command with the arguments ``argv``, by default those of the process.

    Returns the exit status: the worst result, or 255 if a check failed to run.
    Raises SystemExit for help and usage errors, as argparse does.
    Source: API reference, "Commands".
    """
    try:
        distribution.require_sole()
    except exception.ConfigurationError as failure:
        print(f"{PROGRAM}: {failure}", file=sys.stderr)
        return EXCEPTION
    try:
        config = find.command_config(
            sys.argv[1:] if argv is None else argv,
            [cfg.SubCommandOpt("command", title="Commands", handler=_add_commands)],
            prog=PROGRAM,
        )
        log.setup_for_command(config)
        findings = check_all(config)
    except Exception:
        print(f"Error:\n{traceback.format_exc()}", file=sys.stderr)
        return EXCEPTION
    print(_render(findings))
    return max(finding.result for finding in findings.values())


def check_all(config: cfg.ConfigOpts) -> dict[str, Finding]:
    """Return the finding of each check, by title.

    Raises ConfigurationError, and SQLAlchemyError when the database cannot be read.
    """
    engine = engines.create_engine(settings.load(config).database)
    try:
        with engine.connect() as conn:
            return {
                "Missing Root Provider IDs": _check_root_provider_ids(conn),
                "Incomplete Consumers": _check_consumers(conn),
                "Policy File JSON to YAML Migration": _check_policy_file(config),
            }
    finally:
        engine.dispose()


def _add_commands(commands: typing.Any) -> None:
    upgrade = commands.add_parser("upgrade", help="check for problems of an upgrade")
    upgrade.add_argument("check", choices=["check"], help="run all checks")
    upgrade.add_argument(
        "--json",
        action="store_true",
        help="accepted for compatibility with scripts; still prints the table",
    )


def _check_root_provider_ids(conn: sa.Connection) -> Finding:
    count = checks.missing_root_provider_ids(conn)
    if not count:
        return OK
    return Finding(
        Result.FAILURE,
        f"{count} resource providers have no root provider id. Run "
        '"placement-manage db online_data_migrations".',
    )


def _check_consumers(conn: sa.Connection) -> Finding:
    count = checks.incomplete_consumers(conn)
    if not count:
        return OK
    return Finding(
        Result.WARNING,
        f"Consumers with allocations and without a record: {count}. Run "
        '"placement-manage db online_data_migrations".',
    )


def _check_policy_file(config: cfg.ConfigOpts) -> Finding:
    path = config.find_file(config.oslo_policy.policy_file)
    if path is None or not _is_json(path):
        return OK
    return Finding(
        Result.FAILURE,
        f"The policy file {path} is JSON. Convert it with "
        '"oslopolicy-convert-json-to-yaml", and set [oslo_policy] policy_file to the '
        "result.",
    )


def _is_json(path: str) -> bool:
    with open(path, "rb") as file:
        try:
            json.load(file)
        except ValueError:
            return False
    return True


def _render(findings: dict[str, Finding]) -> str:
    return table.blocks(
        "Upgrade Check Results",
        (
            (
                f"Check: {title}",
                f"Result: {finding.result.name.capitalize()}",
                f"Details: {finding.details}",
            )
            for title, finding in findings.items()
        ),
    )


if __name__ == "__main__":
    sys.exit(main())
