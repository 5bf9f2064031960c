"""The tests of the same name, on PostgreSQL and MariaDB."""

from tests.unit.candidates.sql.test_reader import *  # noqa: F403 - with another engine
