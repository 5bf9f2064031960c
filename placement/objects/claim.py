"""Write claims: the only entry for requests that change what consumers hold.

``claim_pipeline`` writes the frequent claims in one round trip on PostgreSQL. All
other claims, and those that it refuses, go to ``claim_transaction``, which runs
statement by statement and knows why a claim fails. Both lock rows in the same order.

Unlike the rest of ``objects``, these functions open their transaction themselves,
because a pipeline is a whole transaction.
"""

import collections.abc
import typing

from placement.db import transaction
from placement.objects import claim_pipeline, claim_transaction
from placement.objects.claim_request import Claim

if typing.TYPE_CHECKING:
    from placement.context import RequestContext

# Key of the known owners in ``Service.kept``.
_OWNERS = "objects.claim.owners"


def write(context: "RequestContext", claims: collections.abc.Sequence[Claim]) -> None:
    """Replace what the consumers hold by what their claims say, all or nothing.

    Advances the generations of the claimed providers, and of the consumers that
    hold something afterwards.

    Raises ConsumerGenerationConflict; BadRequest when a provider does not exist;
    ResourceClassNotFound; InvalidInventory, InventoryConstraintsViolated or
    CapacityExceeded for the first amount that does not fit; and what
    ``transaction.write`` raises.
    Source: API reference, "Allocations".
    """
    owners = context.service.kept.setdefault(_OWNERS, claim_pipeline.KnownOwners())
    names = context.names
    transaction.write_pipelined(
        context,
        {amount.provider_uuid for each in claims for amount in each.amounts},
        lambda conn: claim_pipeline.plan_claims(conn, names, owners, claims),
        lambda conn: claim_transaction.replace(conn, names, claims),
    )
    owners.add(claims)


def release(context: "RequestContext", uuid: str) -> None:
    """Delete a consumer and all that it holds; no provider's generation moves.

    Raises ConsumerNotFound when it holds nothing, and what ``transaction.write``
    raises.
    """
    transaction.write_pipelined(
        context,
        # The refusal of one release does not predict that of another.
        (),
        lambda _conn: claim_pipeline.plan_release(uuid),
        lambda conn: claim_transaction.release(conn, uuid),
    )
