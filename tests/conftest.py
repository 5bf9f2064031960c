"""Which databases the tests run on, and what is said when one is missing."""

import signal
import typing

import pytest

from tests.functional import databases

MISSING = pytest.StashKey[dict[str, str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--database",
        default=",".join(databases.KINDS),
        help=f"kinds of database, of {','.join(databases.KINDS)} (default: all)",
    )


def pytest_configure(config: pytest.Config) -> None:
    # Who is told to end in whatever way still stops the servers that it started.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    config.stash[MISSING] = {}
    unknown = set(kinds(config)) - set(databases.KINDS)
    if unknown:
        raise pytest.UsageError(f"--database: unknown: {', '.join(sorted(unknown))}")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Repeat on every kind of database each test that asks for one."""
    if "database_kind" in metafunc.fixturenames:
        metafunc.parametrize("database_kind", kinds(metafunc.config), scope="session")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Let a process that runs some of the tests tell the one that sums up."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["missing"] = session.config.stash[MISSING]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: typing.Any) -> None:
    """Take what such a process has told; one that was killed has told nothing."""
    missing = getattr(node, "workeroutput", {}).get("missing", {})
    node.config.stash[MISSING].update(missing)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say last, where nobody misses it, what was not tested."""
    for kind, reason in terminalreporter.config.stash[MISSING].items():
        terminalreporter.section("NOT TESTED", red=True, bold=True)
        terminalreporter.line(f"Nothing was tested on {kind}: {reason}.")
        terminalreporter.line("scripts/test installs it where it may.")


def kinds(config: pytest.Config) -> list[str]:
    """Return the kinds of database asked for."""
    return [kind for kind in config.getoption("--database").split(",") if kind]
