"""``/-/v1/explain``: why a request has no candidates, or too few, or none on a host."""

import typing

import flask

from placement.api.operation import Answer, Parameter
from placement.api.querystring import Query
from placement.candidates.explain import document, explanation
from placement.candidates.query import request as candidates_request
from placement.policies import extension as extension_policy
from placement.schemas import extension as schema
from placement.schemas import extension_responses as responses
from placement.web import search_query, view

blueprint = flask.Blueprint("explain", __name__)

_OWN = ("version", "hosts", "provider")


def _of_search(description: str, example: str | None = None) -> Parameter:
    # Which of the repeated values count depends on the version.
    return Parameter(description, example, is_repeatable=True)


_PARAMETERS = {
    "resources": _of_search("Amounts by resource class.", "VCPU:2,MEMORY_MB:1024"),
    "required": _of_search("Traits that a provider has or, with `!`, does not have."),
    "member_of": _of_search("Providers in this aggregate."),
    "in_tree": _of_search("Providers in the tree of this provider."),
    "limit": _of_search("Ignored."),
    "group_policy": _of_search("Whether groups may share a provider."),
    "root_required": _of_search("Traits of the root provider."),
    "same_subtree": _of_search("Groups whose providers are in one subtree."),
    "version": Parameter("The microversion of the query; by default the newest."),
    "hosts": Parameter("The number of nearest hosts, at most 1000; by default 5."),
    "provider": Parameter("The uuid or name of a provider, to explain its tree."),
}


@view.operation(
    blueprint,
    "GET /-/v1/explain",
    Answer(200, responses.EXPLANATION),
    rule=extension_policy.READ,
    refuses=(404,),
    query=schema.EXPLAIN_QUERY,
    parameters=_PARAMETERS,
)
def explain() -> flask.Response:
    """Explain the result of a search for candidates.

    The query is that of ``GET /allocation_candidates`` at ``version``.

    Raises BadRequest for what the search refuses and for a malformed parameter, and
    ProviderNotFound.
    """
    query = view.query()
    pairs = tuple(pair for pair in query if pair[0] not in _OWN)
    return _answer(
        Query(pairs),
        query.last("version"),
        int(query.last("hosts") or explanation.HOSTS),
        query.last("provider"),
    )


@view.operation(
    blueprint,
    "POST /-/v1/explain",
    Answer(200, responses.EXPLANATION),
    rule=extension_policy.READ,
    refuses=(404,),
    body=schema.EXPLAIN_BODY,
)
def explain_body() -> flask.Response:
    """Explain a search as ``GET /-/v1/explain`` does, with the query in the body.

    Raises the same, and SchemaInvalid.
    """
    body: dict[str, typing.Any] = view.json_body()
    return _answer(
        Query.parse(body["query"].encode(errors="replace")),
        body.get("version"),
        int(body.get("hosts", explanation.HOSTS)),
        body.get("provider"),
    )


def _answer(
    query: Query, version: str | None, hosts: int, provider: str | None
) -> flask.Response:
    request = candidates_request.parse_unchecked(
        query, search_query.parse_version(version)
    )
    found = explanation.explain(view.context(), request, hosts, provider)
    return view.json(document.document(found))
