"""``lists`` and ``batch``: statements with lists, and several in one round trip."""

import pytest
import sqlalchemy as sa

from placement.db import batch, lists, tables
from placement.db.batch import Step
from tests.functional import statements

_projects = tables.projects
_consumers = tables.consumers

# Values with characters that are special in SQL or for the driver.
AWKWARD = ["it's", 'a "b"', "50%", "%(name)s", "a\\b", "a; b", ":now", "Ünï ☃", " a "]

# Lengths: empty, within the places of a statement, and beyond.
LENGTHS = [0, 1, 2, 3, 31, 32, 33, 97, 98]

_BY_NAME = lists.Statement(
    lambda names: (
        sa.select(_projects.c.external_id)
        .where(lists.is_one_of(_projects.c.external_id, names))
        .order_by(_projects.c.id)
    )
)
_RENAME = (
    sa.update(_projects)
    .where(_projects.c.external_id == sa.bindparam("old"))
    .values(
        external_id=sa.bindparam("new"),
        updated_at=sa.bindparam("now", type_=sa.DateTime),
    )
)


def adding(names: list[str]) -> Step:
    return lists.insert(_projects, [{"external_id": name} for name in names])


def names_in(read) -> list[str]:
    select = sa.select(_projects.c.external_id).order_by(_projects.c.id)
    return read(lambda conn: list(conn.scalars(select)))


def renaming(old: str, new: str) -> Step:
    return Step(_RENAME, {"old": old, "new": new, "now": tables.utcnow()})


@pytest.mark.parametrize("length", LENGTHS)
def test_a_list_can_have_any_length(read, write, length: int) -> None:
    names = [f"project {number:03}" for number in range(length)]
    others = [f"other {number:03}" for number in range(3)]
    write(lambda conn: batch.run(conn, [adding(names + others)]) and None)

    found = read(lambda conn: list(_BY_NAME.execute(conn, {"names": names}).scalars()))

    assert found == names


def test_a_statement_is_built_once_per_number_of_places(read) -> None:
    steps = [
        _BY_NAME.step({"names": [str(number) for number in range(length)]})
        for length in (3, 4, 5, 8, 33, 40)
    ]

    four, eight, expanded = steps[:2], steps[2:4], steps[4:]

    assert len({id(step.statement) for step in four}) == 1
    assert len({id(step.statement) for step in eight}) == 1
    assert len({id(step.statement) for step in expanded}) == 1
    assert [step.is_fixed for step in steps] == [True] * 4 + [False] * 2


def test_rows_are_inserted_with_their_values_and_time(read, write) -> None:
    before = tables.utcnow()
    row = {"uuid": "a", "project_id": 1, "user_id": 2, "consumer_type_id": None}
    write(lambda conn: batch.run(conn, [lists.insert(_consumers, [row])]) and None)

    (found,) = read(lambda conn: conn.execute(sa.select(_consumers)).mappings().all())

    assert row.items() <= dict(found).items()
    assert found["generation"] == 0
    assert before.replace(microsecond=0) <= found["created_at"] <= tables.utcnow()
    assert found["updated_at"] is None


def test_values_with_special_characters_are_stored_unchanged(read, write) -> None:
    renamed = [f"{name}'" for name in AWKWARD]
    steps = [adding(AWKWARD), *map(renaming, AWKWARD[:2], renamed[:2])]

    write(lambda conn: batch.run(conn, steps) and None)

    assert names_in(read) == renamed[:2] + AWKWARD[2:]


def test_the_result_is_that_of_the_last_step(write) -> None:
    steps = [adding(["a", "b"]), renaming("a", "c"), renaming("nobody", "d")]

    assert write(lambda conn: batch.run(conn, steps).rowcount) == 0
    steps = [renaming("nobody", "d"), renaming("b", "e")]
    assert write(lambda conn: batch.run(conn, steps).rowcount) == 1
    steps = [renaming("c", "f"), _BY_NAME.step({"names": ["e", "f"]})]
    assert write(lambda conn: batch.run(conn, steps).all()) == [("f",), ("e",)]


@pytest.mark.parametrize("bad", [0, 1, 2])
def test_a_failed_step_rolls_back_the_others(read, write, bad: int) -> None:
    write(lambda conn: batch.run(conn, [adding(["taken"])]) and None)
    steps = [adding([str(number)]) for number in range(3)]
    steps[bad] = adding(["taken"])

    def work(conn: sa.Connection) -> None:
        with pytest.raises(sa.exc.IntegrityError):
            batch.run(conn, steps)
        conn.rollback()

    write(work)

    assert names_in(read) == ["taken"]


def test_expanded_lists_run_in_order_with_other_steps(read, write) -> None:
    names = [str(number) for number in range(40)]

    steps = [adding(names), renaming("7", "seven"), _BY_NAME.step({"names": names})]
    found = write(lambda conn: list(batch.run(conn, steps).scalars()))

    assert found == [name for name in names if name != "7"]


def test_the_number_of_round_trips(context, write) -> None:
    steps = [adding(["a"]), renaming("a", "b"), _BY_NAME.step({"names": ["b"]})]
    with statements.recorded() as sent:
        assert write(lambda conn: batch.run(conn, steps).all()) == [("b",)]

    assert len(sent) == (1 if context.engine.dialect.name == "postgresql" else 3)
