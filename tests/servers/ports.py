"""Ports of the loopback interface, for servers of the tests."""

import random
import socket

HOST = "127.0.0.1"

# Below those that a system gives to outgoing connections.
_PORTS = range(20_000, 32_000)

# One per port, open until this process ends.
_reservations: list[socket.socket] = []


def free_port() -> int:
    """Return a free port, which no other process of the tests gets meanwhile.

    A process that does not ask for its ports here may still take it.
    """
    # Tests seed the generator of ``random``.
    for port in random.SystemRandom().sample(_PORTS, len(_PORTS)):
        reservation = socket.socket(socket.AF_UNIX)
        try:
            # A name without a file, which belongs to one process at a time.
            reservation.bind(f"\0placement-test-port-{port}")
            socket.create_server((HOST, port)).close()
        except OSError:
            reservation.close()
            continue
        _reservations.append(reservation)
        return port
    raise RuntimeError("no port is free")
