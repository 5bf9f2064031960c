"""Worked examples as data: worlds, queries, and what has to be answered."""

import json
import pathlib
import re

from tests.unit.candidates import worlds
from tests.unit.candidates.model import Inventory, Provider

_PATH = pathlib.Path(__file__).with_name("examples.json")


def load():
    """Return (title, providers, cases) of each example; names are spelled out.

    The file leaves out nothing of classes and traits; ``{agg:X}`` and ``{rp:X}``
    stand for uuids.
    """
    return [
        (
            example["title"],
            [_provider(one) for one in example["providers"]],
            example["queries"],
        )
        for example in json.loads(_PATH.read_text())
    ]


def query(text):
    """Return a query of the file with the uuids in it."""
    return re.sub(r"{\w+:(\w+)}", lambda name: worlds.uuid_of(name[1]), text)


def expected(case):
    """Return the candidates of a case, as the model says them."""
    return [
        (
            frozenset(tuple(amount) for amount in candidate["allocations"]),
            frozenset(
                (suffix, frozenset(names))
                for suffix, names in candidate.get("mappings", {}).items()
            ),
        )
        for candidate in case["candidates"]
    ]


def _provider(one):
    return Provider(
        name=one["name"],
        parent=one.get("parent"),
        inventory={
            name: Inventory(**offer) for name, offer in one.get("inventory", {}).items()
        },
        used=one.get("used", {}),
        traits=frozenset(one.get("traits", ())),
        aggregates=frozenset(one.get("aggregates", ())),
    )
