"""The filters of a listing select what their definition says."""

import hypothesis
import pytest
import sqlalchemy as sa

from placement import exception
from placement.api.microversion import Version
from placement.api.querystring import Query
from placement.candidates import providers
from placement.candidates.query import request
from placement.db import tables
from tests.unit.candidates import worlds
from tests.unit.candidates.model import Inventory, Model, Provider
from tests.unit.candidates.test_search import SEED, SEEDS, drawn_worlds


def list_names(engine, query):
    """Return the names of the providers that the filters select."""
    context = worlds.context_of(engine)
    filters = request.parse_provider_filters(
        Query.parse(query.encode()), Version(1, 39)
    )
    with engine.connect() as conn:
        ids = providers.find_ids(conn, context, filters)
        if ids is None:
            return set()
        stored = tables.resource_providers
        names = sa.select(stored.c.name).where(stored.c.id.in_(ids))
        return set(conn.scalars(names))


@drawn_worlds
@hypothesis.seed(SEED)
@hypothesis.given(seed=SEEDS)
def test_filters_select_what_trying_every_provider_selects(engine, seed):
    drawn = worlds.Drawn(seed)
    stored = drawn.providers()
    group = drawn.group("", True, 2)
    worlds.store(engine, stored)

    found = list_names(engine, worlds.query_of(worlds.Question([group])))

    assert found == Model(stored).matching(group)


def test_name_and_uuid_select_one(engine):
    worlds.store(engine, [Provider("a"), Provider("b", "a")])

    assert list_names(engine, "") == {"a", "b"}
    assert list_names(engine, "name=") == {"a", "b"}
    assert list_names(engine, "name=b") == {"b"}
    assert list_names(engine, f"uuid={worlds.uuid_of('b').upper()}") == {"b"}
    assert list_names(engine, f"name=a&uuid={worlds.uuid_of('b')}") == set()
    assert list_names(engine, f"in_tree={worlds.uuid_of('b')}") == {"a", "b"}
    assert list_names(engine, f"in_tree={worlds.uuid_of('x')}") == set()


def test_amounts_that_no_inventory_holds_match_nothing(engine):
    worlds.store(engine, [Provider("a", None, {"VCPU": Inventory(2**31 - 1)})])

    assert list_names(engine, f"resources=VCPU:{2**31 - 1}") == {"a"}
    assert list_names(engine, f"resources=VCPU:{2**31}") == set()
    assert list_names(engine, f"resources=VCPU:{2**70}") == set()


@pytest.mark.parametrize(
    ("query", "text"),
    [
        (
            "resources=CUSTOM_X:1",
            "Invalid resource class in resources parameter: "
            "No such resource class CUSTOM_X.",
        ),
        ("required=CUSTOM_X,!CUSTOM_W", "No such trait(s): CUSTOM_W, CUSTOM_X."),
    ],
)
def test_an_unknown_name_is_not_hidden_by_an_unknown_tree(engine, query, text):
    with pytest.raises(exception.BadRequest) as refused:
        list_names(engine, f"{query}&in_tree={worlds.uuid_of('x')}")

    assert str(refused.value) == text
