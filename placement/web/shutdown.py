"""Whether the process is stopping; imported by gunicorn before the application."""

import threading

# Set when the process ends after the requests in progress.
draining = threading.Event()
