"""The ids of a request, in a comment before each of its statements.

The database shows them wherever it shows a statement: in its log of slow, waiting or
failed statements, and in the list of its sessions. Prepared statements are not
affected: they have names, and what is sent for them is not their text.
"""

import re
import typing

import sqlalchemy as sa
from oslo_context import context as log_context
from sqlalchemy import event

_IDS = re.compile("req-[0-9a-f-]{36} (?:req-[0-9a-f-]{36})?")


def listen(engine: sa.Engine) -> None:
    """Add the comment, except on SQLite, which has no log and caches by text."""
    if engine.dialect.name != "sqlite":
        event.listen(engine, "before_cursor_execute", _with_ids, retval=True)


def _with_ids(
    _conn: sa.Connection,
    _cursor: object,
    statement: str,
    parameters: typing.Any,
    *_: object,
) -> tuple[str, typing.Any]:
    context = log_context.get_current()
    if context:
        ids = f"{context.request_id} {context.global_request_id or ''}"
        # A program that embeds the service may have ids of another form.
        if _IDS.fullmatch(ids):
            statement = f"/* {ids} */ {statement}"
    return statement, parameters
