"""``POST /-/v1/whatif``: would the consumers of lost hosts fit on the others."""

import typing

import flask

from placement import exception, uuids
from placement.api.operation import Answer
from placement.candidates.whatif import read, summary
from placement.candidates.whatif.model import (
    Loss,
    Move,
    Question,
    Result,
    Shortage,
    Unplaced,
)
from placement.policies import extension as extension_policy
from placement.schemas import whatif as schema
from placement.web import view

blueprint = flask.Blueprint("whatif", __name__)

_Document = dict[str, typing.Any]


@view.operation(
    blueprint,
    "POST /-/v1/whatif",
    Answer(200, schema.RESPONSE),
    rule=extension_policy.READ,
    refuses=(400,),
    body=schema.BODY,
)
def analyse_loss() -> flask.Response:
    """Find out whether the consumers of lost hosts would fit on the other hosts.

    Nothing is changed.

    Raises SchemaInvalid, BadRequest unless the body has one of 'lose' and 'any',
    UnknownLostRoot, AnalysisTooLarge and DatabaseTooSlow.
    """
    body = view.json_body()
    if ("lose" in body) == ("any" in body):
        raise exception.BadRequest(
            reason="The body must have one of the members 'lose' and 'any'."
        )
    within = body.get("within")
    question = Question(
        frozenset(map(uuids.canonical_or_same, body.get("lose", ()))),
        int(body.get("any", 0)),
        None if within is None else uuids.canonical_or_same(within),
        tuple(body.get("keep_traits", ())),
    )
    found = read.analyse(view.context(), question)
    return view.json(_document(found, question))


def _document(found: Result, question: Question) -> _Document:
    return {
        "answer": found.answer.value,
        "complete": found.is_complete,
        "summary": summary.summary(found, question),
        "note": summary.NOTE,
        "consumers": found.consumers,
        "moves": [_move(found, each) for each in found.moves],
        "unplaced": [_unplaced(found, each) for each in found.unplaced],
        "worst": [_loss(found, each) for each in found.worst],
        "shortage": found.shortage and _shortage(found, found.shortage),
    }


def _move(found: Result, move: Move) -> _Document:
    from_uuid, from_name = found.roots[move.from_root]
    to_uuid, to_name = found.roots[move.to_root]
    return {
        "consumer": move.consumer,
        "from": from_uuid,
        "from_name": from_name,
        "to": to_uuid,
        "to_name": to_name,
        "allocations": {
            uuid: {"resources": _resources(found, amounts)}
            for uuid, amounts in move.amounts
        },
    }


def _unplaced(found: Result, unplaced: Unplaced) -> _Document:
    uuid, name = found.roots[unplaced.from_root]
    return {
        "consumer": unplaced.consumer,
        "from": uuid,
        "from_name": name,
        "resources": _resources(found, unplaced.amounts),
        "cause": unplaced.cause.value,
    }


def _loss(found: Result, loss: Loss) -> _Document:
    uuid, name = found.roots[loss.root_id]
    document = {"root": uuid, "name": name, "consumers": loss.consumers}
    if loss.answer is not None:
        document |= {"answer": loss.answer.value, "unplaced": loss.unplaced}
    return document | _shortage(found, loss.shortage)


def _shortage(found: Result, shortage: Shortage) -> _Document:
    return {
        "resource_class": found.classes[shortage.class_id],
        "needed": shortage.needed,
        "free": shortage.free,
    }


def _resources(found: Result, amounts: tuple[tuple[int, int], ...]) -> _Document:
    return {found.classes[class_id]: amount for class_id, amount in amounts}
