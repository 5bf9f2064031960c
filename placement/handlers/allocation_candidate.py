"""Handler for /allocation_candidates."""

from placement import reply
from placement.candidates import find, render, request
from placement.reply import Reply
from placement.request import Request
from placement.schemas import allocation_candidate as schema


def get_allocation_candidates(req: Request) -> Reply:
    """Search for ways to serve a request, since 1.10.

    Errors: 400 for malformed or contradictory parameters, for an unknown resource
    class or trait, and for a request that can be combined in too many ways.
    """
    query = req.validated_query(schema.LIST_QUERY)
    found = find.find(req.context, request.parse(query, req.version))
    return reply.ok(render.document(found, req.version), reply.now())
