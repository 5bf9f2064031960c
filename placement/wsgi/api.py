"""What a WSGI server is pointed at: ``placement.wsgi.api:application``."""

from placement import wsgi

application = wsgi.init_application()
