import sqlite3

import psycopg2
import psycopg2.errors
import pytest
import sqlalchemy as sa

from placement.db import conflicts
from placement.db.conflicts import Meaning


def of(original):
    return conflicts.meaning(sa.exc.DBAPIError("SELECT", {}, original))


class Postgresql(psycopg2.Error):
    """An error with a code, which psycopg2 does not let Python code set."""

    def __init__(self, code):
        super().__init__(code)
        self.code = code

    @property
    def pgcode(self):
        return self.code


class Mariadb(Exception):
    """An error as PyMySQL raises it, with number and text."""


@pytest.mark.parametrize(
    ("code", "meaning"),
    [
        ("40001", Meaning.RETRY),  # serialization failure
        ("40P01", Meaning.RETRY),  # deadlock
        ("23505", Meaning.RETRY),  # unique violation
        ("23503", Meaning.RETRY),  # foreign key violation
        ("57P01", Meaning.LOST),  # admin shutdown
        ("57P03", Meaning.LOST),  # cannot connect now
        ("25006", Meaning.LOST),  # read only
        ("08P01", Meaning.LOST),  # PgBouncer has lost the server
        ("08006", Meaning.LOST),  # connection failure
        ("23502", Meaning.BUG),  # not null violation
        ("42601", Meaning.BUG),  # syntax error
        ("42P01", Meaning.BUG),  # undefined table
    ],
)
def test_the_meaning_of_postgresql_errors(code, meaning):
    assert of(Postgresql(code)) is meaning


def test_errors_without_a_code_come_from_libpq():
    assert of(psycopg2.OperationalError("connection refused")) is Meaning.LOST
    assert of(psycopg2.ProgrammingError("can't adapt")) is Meaning.BUG


@pytest.mark.parametrize(
    ("original", "is_doubtful"),
    [
        (psycopg2.OperationalError("server closed the connection"), True),
        (Postgresql("57P01"), True),  # admin shutdown
        (Postgresql("57P02"), True),  # crash shutdown
        (Postgresql("08P01"), True),  # PgBouncer has lost the server
        (Postgresql("25006"), False),  # read only
        (Postgresql("40001"), False),  # serialization failure
        (Postgresql("26000"), False),  # no such prepared statement
        (Postgresql("57014"), False),  # query canceled
    ],
)
def test_the_outcome_is_unknown_without_an_answer(original, is_doubtful):
    failure = sa.exc.DBAPIError("SELECT", {}, original)

    assert conflicts.is_outcome_unknown(failure) is is_doubtful


@pytest.mark.parametrize(
    ("number", "meaning"),
    [
        (1213, Meaning.RETRY),  # deadlock; Galera's certification failure
        (1205, Meaning.RETRY),  # lock wait timeout
        (1020, Meaning.RETRY),  # record has changed
        (1047, Meaning.UNREADY),  # Galera node not ready
        (1062, Meaning.RETRY),  # duplicate entry
        (1451, Meaning.RETRY),  # a row that is referred to
        (1452, Meaning.RETRY),  # a reference to no row
        (2006, Meaning.LOST),  # server has gone away
        (2013, Meaning.LOST),  # lost connection
        (1927, Meaning.LOST),  # connection was killed
        (1180, Meaning.LOST),  # error during commit
        (1290, Meaning.LOST),  # a replica that takes no writes
        (1048, Meaning.BUG),  # column cannot be null
        (1064, Meaning.BUG),  # syntax error
    ],
)
def test_the_meaning_of_mariadb_errors(number, meaning):
    assert of(Mariadb(number, "text")) is meaning


def sqlite_failure(*statements):
    conn = sqlite3.connect(":memory:", isolation_level=None)
    conn.execute("PRAGMA foreign_keys = ON")
    conn.execute("CREATE TABLE a (id INTEGER PRIMARY KEY, name TEXT UNIQUE NOT NULL)")
    conn.execute("CREATE TABLE b (a INTEGER REFERENCES a (id))")
    *before, last = statements
    for statement in before:
        conn.execute(statement)
    with pytest.raises(sqlite3.Error) as failure:
        conn.execute(last)
    return failure.value


@pytest.mark.parametrize(
    ("statements", "meaning"),
    [
        (["INSERT INTO a VALUES (1, 'x')", "INSERT INTO a VALUES (2, 'x')"], "retry"),
        (["INSERT INTO a VALUES (1, 'x')", "INSERT INTO a VALUES (1, 'y')"], "retry"),
        (["INSERT INTO b VALUES (7)"], "retry"),
        (["INSERT INTO a VALUES (1, NULL)"], "bug"),
        (["SELECT pony"], "bug"),
    ],
)
def test_the_meaning_of_sqlite_errors(statements, meaning):
    assert of(sqlite_failure(*statements)) is Meaning(meaning)


def test_a_locked_file_is_retried(tmp_path):
    path = tmp_path / "a.db"
    first = sqlite3.connect(path, isolation_level=None)
    second = sqlite3.connect(path, isolation_level=None, timeout=0)
    first.execute("BEGIN IMMEDIATE")

    with pytest.raises(sqlite3.OperationalError) as failure:
        second.execute("BEGIN IMMEDIATE")

    assert of(failure.value) is Meaning.RETRY
    first.close()


def test_a_missing_file_is_a_lost_connection(tmp_path):
    with pytest.raises(sqlite3.OperationalError) as failure:
        sqlite3.connect(tmp_path / "no" / "a.db")

    assert of(failure.value) is Meaning.LOST


def test_an_invalidated_connection_is_lost():
    failure = sa.exc.DBAPIError("SELECT", {}, Mariadb(0), connection_invalidated=True)

    assert conflicts.meaning(failure) is Meaning.LOST
    assert conflicts.meaning(sa.exc.TimeoutError()) is Meaning.LOST


def test_a_node_that_is_not_ready_is_retried_on_a_new_connection():
    failure = sa.exc.DBAPIError(
        "COMMIT", {}, Mariadb(1047), connection_invalidated=True
    )

    assert conflicts.meaning(failure) is Meaning.UNREADY


def test_errors_before_the_database_is_called_are_bugs():
    assert conflicts.meaning(sa.exc.InvalidRequestError()) is Meaning.BUG
