"""Fixtures: a database per module, filled again for each test, and the command."""

import collections.abc
import json

import pytest
import sqlalchemy as sa

from placement.cmd import audit as command
from placement.conf.settings import DatabaseSettings
from placement.db import engine as engines
from tests.functional.audit import audits
from tests.functional.audit.inconsistencies import Document
from tests.functional.db import worlds


@pytest.fixture(scope="module")
def module_engine(module_database_url: str) -> collections.abc.Iterator[sa.Engine]:
    made = engines.create_engine(DatabaseSettings(module_database_url))
    yield made
    made.dispose()


@pytest.fixture
def engine(module_engine: sa.Engine) -> sa.Engine:
    """An engine on a database that has only the standard names."""
    worlds.clear(module_engine)
    return module_engine


@pytest.fixture
def run(
    capsys: pytest.CaptureFixture[str],
) -> collections.abc.Callable[..., tuple[int, Document]]:
    """A function that runs ``db audit``; returns its exit status and its report."""

    def run(engine: sa.Engine, is_fixing: bool = False) -> tuple[int, Document]:
        capsys.readouterr()
        status = command.run(engine, audits.SETTINGS, is_fixing, is_json=True)
        return status, json.loads(capsys.readouterr().out)

    return run
