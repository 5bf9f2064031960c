"""The tests of the same name, on PostgreSQL and MariaDB."""

from tests.unit.candidates.source.test_rarity import *  # noqa: F403 - with another engine
