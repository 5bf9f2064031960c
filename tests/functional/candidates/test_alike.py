"""The tests of the same name, on PostgreSQL and MariaDB."""

from tests.unit.candidates.test_alike import *  # noqa: F403 - with another engine
