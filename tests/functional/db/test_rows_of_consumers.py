"""Rows of our own tables are deleted with a consumer's record, by any service."""

import pytest
import sqlalchemy as sa

from placement.conf.settings import DatabaseSettings
from placement.db import engine as engines
from placement.db import migrations
from tests.functional.db import worlds

# On the first consumer of ``worlds``.
_ROWS = (
    "INSERT INTO placement_groups"
    " (id, project_id, name, policy, max_per_host, revision) VALUES"
    " (1, 'p', 'web', 'affinity', 1, 0)",
    "INSERT INTO placement_group_members (consumer_id, group_id) VALUES (1, 1)",
    "INSERT INTO placement_holds (consumer_id, expires_at) VALUES (1, 5), (2, 5)",
)


@pytest.fixture
def engine(empty_database_url):
    made = engines.create_engine(DatabaseSettings(empty_database_url))
    yield made
    made.dispose()


def test_the_hold_and_membership_of_a_consumer_are_deleted_with_it(engine) -> None:
    migrations.sync(engine)
    worlds.write(engine)
    worlds.execute(engine, *_ROWS)

    with engine.begin() as conn:
        conn.execute(sa.text("DELETE FROM consumers WHERE uuid = 'c1'"))

    with engine.connect() as conn:
        for table, left in (("holds", [2]), ("group_members", [])):
            found = conn.scalars(sa.text(f"SELECT consumer_id FROM placement_{table}"))
            assert found.all() == left
