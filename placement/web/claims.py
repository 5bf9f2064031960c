"""``POST /-/v1/claims``: pick candidates for consumers, and claim them."""

import typing

import flask
import orjson

from placement import exception, excerpt, extension_exception, uuids
from placement.api.operation import Answer, Header
from placement.candidates.pick.model import Order, Picked, Preferences, Wanted
from placement.candidates.pick.place import PlaceRequest, place
from placement.metrics import counted
from placement.objects.claim import Generations
from placement.objects.consumer import Owner
from placement.objects.group import GroupRequest, Policy
from placement.objects.idempotency import Key
from placement.policies import extension as extension_policy
from placement.schemas import claims as schema
from placement.web import search_query, view

blueprint = flask.Blueprint("claims", __name__)

_KEY_HEADER = "Idempotency-Key"
_KEY_LENGTH_MAX = schema.KEY["maxLength"]

_Body = dict[str, typing.Any]


@view.operation(
    blueprint,
    "POST /-/v1/claims",
    Answer(200, schema.RESPONSE),
    rule=extension_policy.CLAIM,
    refuses=(400, 409, 422),
    headers={
        _KEY_HEADER: Header(
            "A key that makes the request safe to repeat for 24 hours.", schema.KEY
        )
    },
    body=schema.BODY,
)
def place_claims() -> flask.Response:
    """Pick a candidate for each consumer, and claim all of them or none.

    The header ``Idempotency-Key`` makes the request safe to repeat: for 24 hours the
    same caller, key and body get the same response.

    Raises SchemaInvalid, BadRequest for a query that a search refuses, 409 with the
    cause and an explanation if a consumer has no candidate, ConsumerExists,
    GroupPolicyConflict, IdempotencyKeyReused and KeyInProgress.
    """
    body: _Body = view.json_body()
    context = view.context()
    request = PlaceRequest(
        wanted=_wanted(body["claims"]),
        owners=tuple(_owner(each) for each in body["claims"]),
        preferences=_preferences(body),
        hold_seconds=_whole(body.get("hold_seconds")),
        key=_key(body),
        answer=_encode,
    )
    with counted.claims("place"):
        return view.json(place(context, request))


def _wanted(claims: list[_Body]) -> tuple[Wanted, ...]:
    wanted: dict[str, Wanted] = {}
    for each in claims:
        uuid = uuids.canonical_or_same(each["consumer_uuid"])
        if uuid in wanted:
            raise extension_exception.DuplicateConsumer(uuid=uuid)
        query, version = each["query"], each.get("version")
        try:
            request = search_query.parse(query, version)
        except exception.BadRequest as invalid:
            raise extension_exception.ClaimQueryInvalid(uuid, invalid) from invalid
        wanted[uuid] = Wanted(uuid, (query, version or ""), request)
    return tuple(wanted.values())


def _owner(claim: _Body) -> Owner:
    return Owner(claim["project_id"], claim["user_id"], claim.get("consumer_type"))


def _preferences(body: _Body) -> Preferences:
    prefer = body.get("prefer", {})
    if len(prefer) > schema.PREFERRED_MAX:
        raise exception.BadRequest(
            reason=f"The member 'prefer' may have {schema.PREFERRED_MAX} traits at "
            f"most. Got: {len(prefer)}"
        )
    order, _, seed = body.get("order", Order.ANY.value).partition(":")
    return Preferences(
        order=Order(order),
        seed=int(seed or 0),
        prefer=prefer,
        excluded=frozenset(map(uuids.canonical_or_same, body.get("exclude", ()))),
        group=_group(body),
    )


def _group(body: _Body) -> GroupRequest | None:
    group: _Body | None = body.get("group")
    if group is None:
        return None
    projects = {each["project_id"] for each in body["claims"]}
    if len(projects) > 1:
        raise exception.BadRequest(
            reason="The claims of a request with a 'group' must be of one project, "
            "to which the group belongs."
        )
    policy = Policy(group["policy"])
    members_max = int(group.get("max_per_host", 1))
    if members_max > 1 and not policy.is_apart:
        raise exception.BadRequest(
            reason="The member 'max_per_host' may be greater than 1 for the policies "
            f"anti-affinity and soft-anti-affinity only. Got: {policy.value}"
        )
    over = group.get("over")
    return GroupRequest(
        projects.pop(),
        group["name"],
        policy,
        members_max,
        None if over is None else _distinct(over),
    )


def _distinct(given: list[str]) -> tuple[str, ...]:
    """Return uuids in canonical form, each once."""
    return tuple(dict.fromkeys(map(uuids.canonical_or_same, given)))


def _whole(number: float | None) -> int | None:
    # The schema accepts 60.0 as an integer.
    return None if number is None else int(number)


def _key(body: _Body) -> Key | None:
    """Return the key of the request, if it has one. Raises BadRequest."""
    given = flask.request.headers.get(_KEY_HEADER)
    if given is None:
        return None
    if not given or len(given) > _KEY_LENGTH_MAX:
        raise exception.BadRequest(
            reason=f"The header {_KEY_HEADER} must have from 1 to {_KEY_LENGTH_MAX} "
            f"characters. Got: {excerpt.of_text(given)}"
        )
    caller = view.context().caller
    # The same members in another order are the same body.
    text = orjson.dumps(body, option=orjson.OPT_SORT_KEYS)
    return Key.of(caller.project_id or "", caller.user_id or "", given, text)


def _encode(picked: list[Picked], generations: Generations) -> bytes:
    return orjson.dumps(
        {
            "claims": [
                {
                    "consumer_uuid": each.consumer,
                    "allocations": _allocations(each, generations),
                    "mappings": each.mappings,
                    # That of every new consumer.
                    "generation": 1,
                }
                for each in picked
            ]
        }
    )


def _allocations(picked: Picked, generations: Generations) -> _Body:
    found: _Body = {}
    for uuid, resource_class, units in picked.amounts:
        of_provider = found.setdefault(
            uuid, {"generation": generations[uuid], "resources": {}}
        )
        of_provider["resources"][resource_class] = units
    return found
