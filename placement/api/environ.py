"""Keys of the WSGI environ that middleware sets for the operations."""

CONTEXT = "placement.context"
VERSION = "placement.version"
# The header Accept as the client sent it; HTTP_ACCEPT has our default.
ACCEPT = "placement.accept"
# The path of the operation, with names in place of values.
ROUTE = "placement.route"
REQUEST_ID = "placement.request_id"
