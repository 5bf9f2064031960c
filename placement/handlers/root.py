"""Handler for /."""

from placement.api import microversion, reply
from placement.api.operation import operation, shows
from placement.api.reply import Reply
from placement.api.request import Request
from placement.schemas import responses


@operation(
    "GET /",
    shows(responses.VERSIONS),
    rule=None,
    checks="",
)
def get_versions(_req: Request) -> Reply:
    """Show the supported versions. Needs no token, and has no errors."""
    body = {
        "versions": [
            {
                "id": f"v{microversion.MIN_VERSION}",
                "min_version": str(microversion.MIN_VERSION),
                "max_version": str(microversion.MAX_VERSION),
                "status": "CURRENT",
                "links": [{"rel": "self", "href": ""}],
            }
        ]
    }
    return reply.ok(body, modified=reply.now())
