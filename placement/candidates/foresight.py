"""What a search asks the database first, asked at once when it is asked again.

A search begins with a few facts, such as the revision of names, and a page of
trees. Who asks the same again mostly comes to ask the same of the database: then one
statement brings all of it, for little more than the page alone. What has become of
the search is no matter: what was not foreseen is asked when it is needed, in the same
snapshot.

Of a search that has asked no more than that, and found the same, the answer is the
same: what it reads of a provider follows from the revisions on the page.
"""

import dataclasses
import itertools
import typing

import sqlalchemy as sa

from placement.candidates import rows
from placement.candidates.recent import Recent
from placement.candidates.rows import Row
from placement.db import names

if typing.TYPE_CHECKING:
    from placement.candidates.conditions import Select

# How many facts are asked for at once; others are asked for when they are needed.
FACTS_MAX = 8

# How many combinations of statements are kept as text.
_TEXTS_MAX = 1000

_Parameters = dict[str, typing.Any]

# A statement, and its parameters in order.
_Asked = tuple["Select", tuple[tuple[str, typing.Any], ...]]
_Facts = dict[_Asked, int | None]


@dataclasses.dataclass(frozen=True, slots=True)
class Foresight:
    """What one search asked first: ``facts``, and ``rows`` of a ``page`` of trees.

    ``answer`` is what it came to, if it asked no more of what the rows do not tell;
    with ``has_held`` that was so again when it was asked last. ``weight`` is about how
    many rows and providers are kept.
    """

    facts: _Facts
    page: _Asked | None
    rows: list[Row]
    answer: object | None = None
    has_held: bool = False
    weight: int = 1


class _Text(typing.NamedTuple):
    """A statement for the driver. ``order`` has the names of the parameters, where
    the driver wants them in order; ``values`` are those that are always the same."""

    sql: str
    order: list[str] | None
    values: _Parameters

    def parameters(self, given: _Parameters) -> _Parameters | tuple[typing.Any, ...]:
        values = self.values | given
        if self.order is None:
            return values
        return tuple([values[name] for name in self.order])


class Texts:
    """The statements that foresee, compiled once for each combination."""

    def __init__(self) -> None:
        self._texts: Recent[tuple[object, ...], _Text] = Recent(
            _TEXTS_MAX, lambda text: 1
        )

    def ask(self, conn: sa.Connection, foresight: Foresight) -> list[Row]:
        """Return the rows that ``together`` selects, ascending."""
        selects = [select for select, _ in foresight.facts]
        page = None if foresight.page is None else foresight.page[0]
        given = {} if foresight.page is None else dict(foresight.page[1])
        for place, (_, parameters) in enumerate(foresight.facts):
            given.update({_name(name, place): value for name, value in parameters})
        key = (conn.dialect.name, page, *selects)
        text = self._texts.find(key)
        if text is None:
            text = _compile(together(selects, page), conn.dialect, given)
            self._texts.add(key, text)
        return sorted(rows.read_text(conn, text.sql, text.parameters(given)))


def together(
    facts: "list[Select]", page: "Select | None"
) -> "sa.CompoundSelect[typing.Any]":
    """Select what ``Texts.ask`` returns, in any order.

    One row is (-1 - the number of a pair of facts, one value, the other), with NULL for
    what is not there, or a row of the page. The cost is that of all parts.
    """
    values = [
        _renamed(fact, place).scalar_subquery() for place, fact in enumerate(facts)
    ]
    nothing = sa.literal_column("0", sa.Integer)
    parts: list[sa.Select[typing.Any]] = []
    for one, other in itertools.zip_longest(values[::2], values[1::2]):
        number = sa.literal_column(str(-1 - len(parts)), sa.Integer)
        parts.append(sa.select(number, one, nothing if other is None else other))
    if page is not None:
        parts.append(sa.select(page.subquery("page")))
    return sa.union_all(*parts)


def _renamed(fact: "Select", place: int) -> "Select":
    """Give the parameters of a fact names that no other has."""

    def renamed(element: object, **_: object) -> sa.BindParameter[typing.Any] | None:
        if isinstance(element, sa.BindParameter) and element.required:
            return sa.bindparam(_name(element.key, place), type_=element.type)
        return None

    changed = sa.sql.visitors.replacement_traverse(fact, {}, renamed)
    return typing.cast("Select", changed)


def _name(name: str, place: int) -> str:
    return f"{name}_of_fact_{place}"


def _compile(
    statement: "sa.CompoundSelect[typing.Any]", dialect: sa.Dialect, given: _Parameters
) -> _Text:
    """Return the text; it does not follow ``given``, but the compiler wants some."""
    compiled = statement.compile(dialect=dialect)
    assert isinstance(compiled, sa.sql.compiler.SQLCompiler)
    state = compiled.construct_expanded_state(given)
    order = list(state.positiontup or ()) if compiled.positional else None
    return _Text(state.statement, order, dict(state.parameters))


class Reader:
    """Reads for one search, in its snapshot, and remembers what was asked first.

    What ``foresight`` has is asked for at once.
    """

    def __init__(
        self,
        conn: sa.Connection,
        foresight: Foresight | None = None,
        texts: Texts | None = None,
    ) -> None:
        self._conn = conn
        self._facts: _Facts = {}
        self._page: _Asked | None = None
        self._rows: list[Row] = []
        self._has_asked_more = False
        self._expected: _Asked | None = None
        self._foreseen = Foresight({}, None, [])
        if foresight is not None and texts is not None and foresight.facts:
            self._foreseen = _now(foresight, texts.ask(conn, foresight))

    def finds_as_before(self, foresight: Foresight) -> bool:
        """There is an answer, and all that is foreseen is as it was."""
        now = self._foreseen
        return (
            foresight.answer is not None
            and now.page == foresight.page
            and now.facts == foresight.facts
            and now.rows == foresight.rows
        )

    def fact(
        self, select: "Select", parameters: _Parameters | None = None
    ) -> int | None:
        """Return the one integer of the first row; None if there is none."""
        asked = (select, tuple((parameters or {}).items()))
        if asked in self._facts:
            return self._facts[asked]
        if asked in self._foreseen.facts:
            value = self._foreseen.facts[asked]
        else:
            found = rows.read(self._conn, select, parameters)
            value = found[0][0] if found else None
        if len(self._facts) < FACTS_MAX:
            self._facts[asked] = value
        else:
            self._has_asked_more = True
        return value

    def names_revision(self) -> int:
        """Return the revision of names, see ``db.names``."""
        return self.fact(names.REVISION) or 0

    def page(self, select: "Select", parameters: _Parameters) -> list[Row]:
        """Return (root id, id, revision) of providers, ascending; not to be changed."""
        asked = (select, tuple(parameters.items()))
        if self._page is not None:
            return sorted(rows.read(self.others(), select, parameters))
        if asked == self._foreseen.page:
            found = self._foreseen.rows
        else:
            found = sorted(rows.read(self._conn, select, parameters))
        self._page, self._rows = asked, found
        return found

    def expect_page(self, select: "Select", parameters: _Parameters) -> None:
        """Who asks again will begin with this page, even if this search has not."""
        self._expected = (select, tuple(parameters.items()))

    def others(self) -> sa.Connection:
        """Return the connection, for what is neither a fact nor the first page."""
        self._has_asked_more = True
        return self._conn

    def of_revisions(self) -> sa.Connection:
        """Return the connection, for what follows from ids and revisions on a page."""
        return self._conn

    def foresight(self, answer: object | None, weight: int) -> Foresight:
        """Return what to ask at once the next time.

        ``answer`` was found now, and has so many providers.
        """
        page = self._expected or self._page
        if answer is None or self._has_asked_more or page != self._page:
            # The rows are there to be compared.
            return Foresight(self._facts, page, [])
        return Foresight(
            self._facts,
            self._page,
            self._rows,
            answer,
            weight=1 + len(self._rows) + weight,
        )


def _now(foresight: Foresight, found: list[Row]) -> Foresight:
    """Return the foresight as it is now; ``found`` is what was asked at once."""
    pair_count = -(-len(foresight.facts) // 2)
    pairs = [pair[1:] for pair in reversed(found[:pair_count])]
    # The last pair may be of one.
    facts = dict(
        zip(foresight.facts, itertools.chain.from_iterable(pairs), strict=False)
    )
    return Foresight(facts, foresight.page, found[pair_count:])
