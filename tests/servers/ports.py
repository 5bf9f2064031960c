"""Free ports of the loopback interface."""

import socket

HOST = "127.0.0.1"


def free_port() -> int:
    """Return a free port; another process may take it meanwhile."""
    with socket.create_server((HOST, 0)) as listener:
        port: int = listener.getsockname()[1]
    return port
