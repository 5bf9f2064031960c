"""Settings of gunicorn: /etc/placement/gunicorn.conf.py."""

wsgi_app = "placement.wsgi.api:application"
worker_class = "placement.wsgi.worker.Worker"
bind = "127.0.0.1:8778"
workers = 4
threads = 4
# Build the application once; the workers share its memory.
preload_app = True
# After SIGTERM, seconds for requests in progress. TimeoutStopSec of systemd is longer.
graceful_timeout = 30
# The service logs requests itself.
loglevel = "warning"
# Its socket would be in the home directory, which the service cannot write.
control_socket_disable = True
