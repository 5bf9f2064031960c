"""The tests of the same name, on PostgreSQL and MariaDB."""

from tests.unit.candidates.query.test_resolve import *  # noqa: F403 - with another engine
