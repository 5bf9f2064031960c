"""``PATCH /-/v1/providers/{uuid}``: change a provider without its generation."""

import collections.abc
import typing

import flask

from placement import exception, excerpt, uuids
from placement.api.operation import Answer
from placement.db import transaction
from placement.objects import aggregate, provider_delta
from placement.objects.inventory import Inventory
from placement.objects.provider_delta import Delta
from placement.policies import extension as extension_policy
from placement.schemas import extension_responses as responses
from placement.schemas import provider_delta as schema
from placement.web import provider_documents as documents
from placement.web import view

blueprint = flask.Blueprint("provider_delta", __name__)

_Body = dict[str, typing.Any]
_SHOWN = frozenset((*provider_delta.PARTS, documents.USAGES))


@view.operation(
    blueprint,
    "PATCH /-/v1/providers/<uuid>",
    Answer(200, responses.PROVIDER_DETAILS),
    rule=extension_policy.UPDATE,
    refuses=(404, 409),
    body=schema.BODY,
)
def change_provider(uuid: str) -> flask.Response:
    """Add and remove traits, aggregates and inventories of one provider.

    Adding what exists and removing what does not exist are no errors. The generation
    advances if anything changes. Answers with the provider after the change.

    Raises SchemaInvalid, BadRequest for what is both added and removed, for an invalid
    inventory and for an unknown class, ResourceProviderNotFound,
    UnknownTraitsOfProvider, and InventoryInUse.
    """
    delta = _delta(view.json_body())
    canonical = uuids.canonical(uuid)
    if canonical is None:
        raise exception.ResourceProviderNotFound(uuid=uuid)
    context = view.context()
    changed = transaction.write(
        context,
        lambda conn: provider_delta.apply_one(conn, context.names, canonical, delta),
    )
    return view.json(documents.one(changed, _SHOWN))


def _delta(body: _Body) -> Delta:
    traits = body.get("traits", {})
    aggregates = body.get("aggregates", {})
    inventories = body.get("inventories", {})
    delta = Delta(
        add_traits=frozenset(traits.get("add", ())),
        remove_traits=frozenset(traits.get("remove", ())),
        add_aggregates=aggregate.spellings(aggregates.get("add", ())),
        remove_aggregates=frozenset(aggregate.spellings(aggregates.get("remove", ()))),
        inventories=parse_inventories(inventories.get("set", {})),
        remove_inventories=frozenset(inventories.get("remove", ())),
    )
    _require_disjoint("traits", "add", delta.add_traits, delta.remove_traits)
    _require_disjoint(
        "aggregates", "add", delta.add_aggregates, delta.remove_aggregates
    )
    _require_disjoint("inventories", "set", delta.inventories, delta.remove_inventories)
    return delta


def _require_disjoint(
    member: str,
    how: str,
    added: collections.abc.Iterable[str],
    removed: frozenset[str],
) -> None:
    both = sorted(removed.intersection(added))
    if both:
        raise exception.BadRequest(
            reason=f"The member '{member}' has {excerpt.of_text(both[0])} in both "
            f"'{how}' and 'remove'."
        )


def parse_inventories(
    records: collections.abc.Mapping[str, _Body],
) -> dict[str, Inventory]:
    """Return inventories by class; their class ids are not set.

    Raises BadRequest for one that reserves more than its total.
    """
    parsed = {name: Inventory.from_record(each) for name, each in records.items()}
    for name, each in parsed.items():
        if each.capacity < 0:
            raise exception.BadRequest(
                reason=f"The inventory of {excerpt.of_text(name)} is invalid: "
                f"'reserved' must be at most 'total'."
            )
    return parsed
