"""Handler for /allocation_candidates."""

import dataclasses
import functools

from placement.api import reply
from placement.api.operation import Parameter, operation, shows
from placement.api.reply import Reply
from placement.api.request import Request
from placement.candidates import render, search
from placement.candidates.explain.empty import empty_searches_of
from placement.candidates.query import request
from placement.policies import allocation_candidate as policy
from placement.schemas import allocation_candidate as schema
from placement.schemas import responses

# Schedulers repeat the same query for every instance of a flavor. Only short ones are
# kept, so that the memory is bounded.
_KEPT_LENGTH_MAX = 1024
_KEPT_MAX = 500

_PARAMETERS = {
    "resources": Parameter("Amounts by resource class.", "VCPU:2,MEMORY_MB:1024"),
    "required": Parameter(
        "Traits that a provider has or, with `!`, does not have.", "HW_CPU_X86_AVX2"
    ),
    "member_of": Parameter("Providers in this aggregate."),
    "limit": Parameter("The maximum number of candidates.", "10"),
    "group_policy": Parameter("Whether groups may share a provider.", "none"),
    "root_required": Parameter(
        "Traits that the root provider has or, with `!`, does not have.",
        "HW_CPU_X86_AVX2",
    ),
    "same_subtree": Parameter(
        "Groups whose providers are in one subtree.", "_COMPUTE,_NET"
    ),
}


@operation(
    "GET /allocation_candidates",
    shows(responses.CANDIDATES),
    rule=policy.LIST,
    checks="VAP",
    refuses=(400,),
    since=(1, 10),
    query=schema.LIST_QUERY,
    parameters=_PARAMETERS,
)
def get_allocation_candidates(req: Request) -> Reply:
    """Search for allocation candidates. Since 1.10.

    Errors, the first that applies: 400 for a parameter that the version does not have
    or that does not match the schema, for malformed or contradictory parameters, for an
    unknown resource class, for an unknown trait, and for a search that has too many
    combinations or takes the database too long.
    """
    is_kept = len(req.query_string) <= _KEPT_LENGTH_MAX
    parse = _parse_once if is_kept else request.parse_query_string
    asked = parse(req.query_string, req.version)
    found = search.search(req.context, asked)
    answer = reply.ok(render.document(found, req.version), reply.now())
    if found.runs:
        return answer
    empty = empty_searches_of(req.context)
    return dataclasses.replace(
        answer, after=functools.partial(empty.explain, req.context, asked)
    )


_parse_once = functools.lru_cache(_KEPT_MAX)(request.parse_query_string)
