"""A database and restored logging, for tests of the operator commands."""

import collections.abc
import contextlib
import logging
import pathlib
import sys
import typing

import sqlalchemy as sa


class Database:
    """A SQLite file and a configuration file that names it, in one directory."""

    def __init__(self, directory: pathlib.Path) -> None:
        self.url = f"sqlite:///{directory / 'placement.db'}"
        self.configuration = directory / "placement.conf"
        self.configuration.write_text(
            f"[placement_database]\nconnection = {self.url}\n"
        )

    def execute(self, *statements: str) -> list[typing.Any]:
        """Run statements in one transaction; returns the rows of the last."""
        engine = sa.create_engine(self.url)
        with engine.begin() as conn:
            for statement in statements:
                result = conn.execute(sa.text(statement))
            rows = list(result.all()) if result.returns_rows else []
        engine.dispose()
        return rows


@contextlib.contextmanager
def restored_logging() -> collections.abc.Iterator[None]:
    """Restore the logging of the process, which a command changes."""
    root = logging.getLogger()
    handlers, level, excepthook = root.handlers[:], root.level, sys.excepthook
    try:
        yield
    finally:
        logging.captureWarnings(False)
        root.handlers[:] = handlers
        root.setLevel(level)
        sys.excepthook = excepthook
