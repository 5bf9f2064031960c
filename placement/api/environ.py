"""Keys of the WSGI environ that middleware sets for the operations."""

CONTEXT = "placement.context"
VERSION = "placement.version"
REQUEST_ID = "placement.request_id"
