"""A database for one test."""

import pathlib

import fixtures
from oslo_config import fixture as config_fixture

from placement.conf import settings
from placement.db import engine, migrations


class Database(fixtures.Fixture):
    """A migrated SQLite database in a temporary file.

    ``conf_fixture`` is an ``oslo_config.fixture.Config`` with the options of the
    service. With ``set_config`` the fixture sets ``connection`` to a new database;
    otherwise it migrates the configured database, and does not remove it afterwards.
    """

    def __init__(
        self, conf_fixture: config_fixture.Config, set_config: bool = False
    ) -> None:
        super().__init__()
        self.conf_fixture = conf_fixture
        self._set_config = set_config

    def _setUp(self) -> None:
        if self._set_config:
            directory = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
            self.conf_fixture.config(
                group="placement_database",
                connection=f"sqlite:///{directory / 'placement.db'}",
                # The data need not survive the test.
                sqlite_synchronous=False,
            )
        database = engine.create_engine(
            settings.load(self.conf_fixture.conf).database,
        )
        migrations.sync(database)
        database.dispose()
