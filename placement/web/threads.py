"""How many threads serve requests; imported by gunicorn before the application."""

# The number of threads of this process; None if its server has not set it.
count: int | None = None
