"""What every connection of the service begins with."""

import sqlalchemy as sa

from tests.functional.db.contexts import context

# By database: what is asked, and what must come of it.
BEGINNING = {
    "sqlite": {"PRAGMA journal_mode": "wal", "PRAGMA synchronous": 2},
    "postgresql": {
        "SHOW jit": "off",
        "SHOW transaction_isolation": "read committed",
    },
}


def test_a_connection_is_set_up_for_short_questions_and_safe_writes(database_url):
    with context(database_url) as opened, opened.engine.connect() as conn:
        for question, expected in BEGINNING[conn.dialect.name].items():
            assert conn.scalar(sa.text(question)) == expected
