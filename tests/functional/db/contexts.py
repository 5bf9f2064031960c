"""Contexts for transactions on the database of a test."""

import collections.abc
import contextlib
import types
import typing

from placement.conf.settings import (
    ChangesSettings,
    ConsumersSettings,
    DatabaseSettings,
)
from placement.db import engine
from placement.db.names import Names


@contextlib.contextmanager
def context(url: str, retries: int = 10) -> collections.abc.Iterator[typing.Any]:
    """Yield a context with its own engine, which is disposed afterwards.

    Other settings than the number of retries are the default ones.
    """
    database = engine.create_engine(DatabaseSettings(url))
    placement = types.SimpleNamespace(allocation_conflict_retry_count=retries)
    try:
        yield types.SimpleNamespace(
            engine=database,
            replica=None,
            names=Names(),
            service=types.SimpleNamespace(kept={}),
            settings=types.SimpleNamespace(
                placement=placement,
                changes=ChangesSettings(),
                consumers=ConsumersSettings(),
            ),
        )
    finally:
        database.dispose()
