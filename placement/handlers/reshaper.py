"""Handler for /reshaper."""

from placement import uuids
from placement.api import reply
from placement.api.operation import NO_CONTENT, operation
from placement.api.reply import Reply
from placement.api.request import Request
from placement.db import transaction
from placement.handlers import allocation
from placement.metrics import counted
from placement.objects import claim, reshape
from placement.objects.inventory import Inventory
from placement.objects.reshape import Shape
from placement.policies import reshaper as policy
from placement.schemas import reshaper as schema


@operation(
    "POST /reshaper",
    NO_CONTENT,
    rule=policy.RESHAPE,
    checks="VCP",
    refuses=(400, 409),
    since=(1, 30),
    body=schema.RESHAPE,
)
def reshape_providers(req: Request) -> Reply:
    """Move inventories and allocations between providers, atomically. Since 1.30.

    Errors, the first that applies: 400 if the body does not match the schema; for each
    provider in ``inventories`` in turn, 400 if it is unknown and 409 if its generation
    is stale; 409 for a stale generation of a consumer, 400 for an unknown provider in
    ``allocations``, 400 for an unknown class, 409 if an amount is not available, 409 if
    a removed class is still in use at the end.
    """
    body = req.json()
    shapes = [
        Shape(
            uuids.canonical_or_same(provider_uuid),
            one["resource_provider_generation"],
            {
                name: Inventory.from_record(record)
                for name, record in one["inventories"].items()
            },
        )
        for provider_uuid, one in body["inventories"].items()
    ]
    claims = allocation.claims_from_body(req, body["allocations"])
    context = req.context

    def write() -> None:
        transaction.write(
            context,
            lambda conn: reshape.reshape(conn, context.names, shapes, claims),
        )

    with counted.claims("reshape"):
        claim.write_past_holds(context, write)
    return reply.no_content()
