"""``PUT /-/v1/trees/{root}``: a provider tree as it should be."""

import collections.abc
import typing

import flask
import sqlalchemy as sa

from placement import exception, excerpt, uuids
from placement.api.operation import Answer
from placement.db import transaction
from placement.objects import aggregate, whole_tree
from placement.objects.inventory import Inventory
from placement.objects.tree_difference import (
    Difference,
    Replaced,
    Update,
    WantedProvider,
)
from placement.policies import extension as extension_policy
from placement.schemas import tree as schema
from placement.web import provider_delta, view

blueprint = flask.Blueprint("trees", __name__)

_Body = dict[str, typing.Any]


@view.operation(
    blueprint,
    "PUT /-/v1/trees/<root>",
    Answer(200, schema.DIFFERENCE),
    rule=extension_policy.UPDATE,
    refuses=(409,),
    body=schema.BODY,
)
def replace_tree(root: str) -> flask.Response:
    """Make a provider tree as it is given, in one transaction; answer the difference.

    The providers are as in a bulk read, parents first; the root is created if it is
    missing. Parts that a provider does not have stay as they are, and so do providers
    that are not given, unless ``prune`` deletes them. With ``validate_only``, nothing
    is changed. Generations are compared only with ``check_generations``.

    Raises SchemaInvalid; BadRequest for providers that are not a tree or are repeated,
    for an invalid inventory and for an unknown class; UnknownTraitsOfProvider;
    ProviderInOtherTree, ConcurrentUpdate, DuplicateName, InventoryInUse, and
    ResourceProviderInUse.
    """
    body = view.json_body()
    has_check = body.get("check_generations", False)
    wanted = [_wanted(each, has_check) for each in body["providers"]]
    _require_tree(root, wanted)
    context = view.context()

    def replace(conn: sa.Connection) -> Difference:
        has_prune = body.get("prune", False)
        return whole_tree.replace(conn, context.names, wanted, has_prune)

    is_tried_out = body.get("validate_only", False)
    run = transaction.try_out if is_tried_out else transaction.write
    return view.json(_document(run(context, replace)))


def _wanted(body: _Body, has_check: bool) -> WantedProvider:
    parent = body.get("parent_provider_uuid")
    inventories = body.get("inventories")
    traits = body.get("traits")
    aggregates = body.get("aggregates")
    generation = body.get("generation") if has_check else None
    return WantedProvider(
        uuid=uuids.canonical_or_same(body["uuid"]),
        name=body["name"],
        parent_uuid=None if parent is None else uuids.canonical_or_same(parent),
        inventories=inventories and provider_delta.parse_inventories(inventories),
        traits=None if traits is None else frozenset(traits),
        aggregates=None if aggregates is None else aggregate.spellings(aggregates),
        generation=None if generation is None else int(generation),
    )


def _require_tree(root: str, wanted: collections.abc.Sequence[WantedProvider]) -> None:
    """Raise BadRequest unless parents come first and nothing is repeated."""
    first = wanted[0]
    if first.uuid != uuids.canonical(root) or first.parent_uuid is not None:
        raise exception.BadRequest(
            reason="The member 'providers' must begin with the root of the path, which "
            "has no parent."
        )
    seen: set[str] = set()
    names: set[str] = set()
    for each in wanted:
        if each.uuid in seen or each.name in names:
            repeated = each.uuid if each.uuid in seen else each.name
            raise exception.BadRequest(
                reason="The member 'providers' has the same uuid or name more than "
                f"once: {excerpt.of_text(repeated)}"
            )
        if seen and each.parent_uuid not in seen:
            raise exception.BadRequest(
                reason=f"The 'parent_provider_uuid' of provider {each.uuid} must be "
                "that of a provider before it in 'providers'."
            )
        seen.add(each.uuid)
        names.add(each.name)


def _document(difference: Difference) -> _Body:
    return {
        "create": [
            {
                "uuid": each.uuid,
                "name": each.name,
                "parent_provider_uuid": each.parent_uuid,
                "inventories": _offers(each.inventories or {}),
                "traits": sorted(each.traits or ()),
                "aggregates": list((each.aggregates or {}).values()),
            }
            for each in difference.create
        ],
        "update": [
            {"uuid": each.provider.uuid, "changes": _changes(each)}
            for each in difference.update
        ],
        "delete": [
            {
                "uuid": each.uuid,
                "name": each.name,
                "parent_provider_uuid": each.parent_provider_uuid,
            }
            for each in difference.delete
        ],
    }


def _changes(update: Update) -> _Body:
    """Return the changed members; those of a delta have the form of its request."""
    delta = update.delta
    changes: _Body = {}
    if update.name:
        changes["name"] = _replaced(update.name)
    if update.parent_uuid:
        changes["parent_provider_uuid"] = _replaced(update.parent_uuid)
    if delta.inventories or delta.remove_inventories:
        changes["inventories"] = {
            "set": _offers(delta.inventories),
            "remove": sorted(delta.remove_inventories),
        }
    if delta.add_traits or delta.remove_traits:
        changes["traits"] = {
            "add": sorted(delta.add_traits),
            "remove": sorted(delta.remove_traits),
        }
    if delta.add_aggregates or delta.remove_aggregates:
        changes["aggregates"] = {
            "add": list(delta.add_aggregates.values()),
            "remove": sorted(delta.remove_aggregates),
        }
    return changes


def _replaced(value: Replaced) -> _Body:
    return {"from": value.old, "to": value.new}


def _offers(inventories: collections.abc.Mapping[str, Inventory]) -> _Body:
    return {name: each.record() for name, each in inventories.items()}
