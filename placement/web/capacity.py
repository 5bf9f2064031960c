"""``POST /-/v1/capacity``: how many more consumers of some requests fit."""

import typing

import flask

from placement import exception, extension_exception, uuids
from placement.api.operation import Answer
from placement.candidates.capacity import model, read
from placement.candidates.capacity.model import Bounds, Capacity, Options
from placement.candidates.model import SearchRequest
from placement.policies import extension as extension_policy
from placement.schemas import capacity as schema
from placement.web import search_query, view

blueprint = flask.Blueprint("capacity", __name__)

_TRAIT = "trait:"


@view.operation(
    blueprint,
    "POST /-/v1/capacity",
    Answer(200, schema.RESPONSE),
    rule=extension_policy.READ,
    refuses=(400,),
    body=schema.BODY,
)
def count_capacity() -> flask.Response:
    """Count how many more consumers of each request fit.

    The counts of several requests overlap: each is made as if the other requests did
    not exist.

    Raises SchemaInvalid, DuplicateRequestName, NamedRequestInvalid, UnknownTraits,
    UnknownRoot, ResultTooLarge and DatabaseTooSlow.
    """
    body = view.json_body()
    requests = _parse_requests(body["requests"])
    by = body.get("by", [])
    options = Options(
        by_aggregate="aggregate" in by,
        by_traits=tuple(
            each.removeprefix(_TRAIT) for each in by if each.startswith(_TRAIT)
        ),
        is_empty_state=body.get("state") == "empty",
        without=frozenset(map(uuids.canonical_or_same, body.get("without", ()))),
        hosts=int(body.get("hosts", model.HOSTS_DEFAULT)),
    )
    found = read.count(view.context(), requests, options)
    results = [_document(name, one, options) for name, one in found.items()]
    return view.json({"results": results})


def _parse_requests(given: list[dict[str, str]]) -> dict[str, SearchRequest]:
    requests: dict[str, SearchRequest] = {}
    for each in given:
        name = each["name"]
        if name in requests:
            raise extension_exception.DuplicateRequestName(name=name)
        try:
            requests[name] = search_query.parse(each["query"], each.get("version"))
        except exception.BadRequest as invalid:
            raise extension_exception.NamedRequestInvalid(name, invalid) from invalid
    return requests


def _document(name: str, found: Capacity, options: Options) -> dict[str, typing.Any]:
    document: dict[str, typing.Any] = {"name": name, **_bounds(found.count)}
    document |= {
        "complete": found.is_complete,
        "roots": {
            "eligible": found.roots.eligible,
            "fitting": found.roots.fitting,
            "empty": found.roots.empty,
        },
        "when_empty": _bounds(found.when_empty),
        "bottleneck": found.bottleneck,
        "stranded": {
            each: {
                "units": stranded.units,
                "share": stranded.units / stranded.free if stranded.free else 0.0,
            }
            for each, stranded in found.stranded.items()
        },
        "largest": found.largest,
    }
    if options.by_aggregate or options.by_traits:
        document["by"] = _by(found, options)
    if found.hosts is not None:
        document["hosts"] = [
            {"root": host.root_uuid, "name": host.name, "count": host.fits}
            for host in found.hosts
        ]
    return document


def _by(found: Capacity, options: Options) -> dict[str, typing.Any]:
    by: dict[str, typing.Any] = {}
    if options.by_aggregate:
        by["aggregate"] = {
            uuid: _bounds(bounds) for uuid, bounds in found.by_aggregate.items()
        }
    for trait, (having, lacking) in found.by_trait.items():
        by[_TRAIT + trait] = {"with": _bounds(having), "without": _bounds(lacking)}
    return by


def _bounds(bounds: Bounds) -> dict[str, int | bool]:
    return {
        "at_least": bounds.at_least,
        "at_most": bounds.at_most,
        "exact": bounds.is_exact,
    }
