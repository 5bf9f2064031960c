"""The entry point for WSGI servers: ``placement.wsgi.api:application``."""

from placement import wsgi

application = wsgi.init_application()
