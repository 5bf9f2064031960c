"""Lists of values as array parameters of PostgreSQL, for statements of a fixed text."""

import typing

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

_Type = sa.types.TypeEngine[typing.Any]


def array(name: str, type_: _Type) -> sa.ColumnElement[typing.Any]:
    """Return the parameter ``name``, an array."""
    return sa.cast(sa.bindparam(name), postgresql.ARRAY(type_))


def rows(name: str, **columns: _Type) -> sa.TableValuedAlias:
    """Return a table of parameters: one array per column, all of the same length."""
    arrays = [array(column, type_) for column, type_ in columns.items()]
    typed = [sa.column(column, type_) for column, type_ in columns.items()]
    return sa.func.unnest(*arrays).table_valued(*typed).render_derived(name=name)


def count(cte: sa.CTE) -> sa.ScalarSelect[int]:
    """Return the number of rows of a CTE."""
    return sa.select(sa.func.count()).select_from(cte).scalar_subquery()
