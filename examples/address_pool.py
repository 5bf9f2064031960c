"""Give out addresses of subnets, for a service that assigns them to ports.

Each subnet is a provider of addresses. An address is held for a minute: if the caller
crashes before the port exists, it returns to the pool by itself.
"""

import uuid

from placement.client import (
    Aggregates,
    Client,
    Inventories,
    Inventory,
    NotFound,
    RequestGroup,
    Wanted,
    candidates_query,
)

ADDRESS = "IPV4_ADDRESS"
HOLD_SECONDS = 60


def add_subnet(client: Client, name: str, addresses: int, segment: str) -> str:
    """Register a subnet of a network segment, an aggregate; return its uuid."""
    subnet = client.create_provider(name)
    # The first and the last address, and that of the gateway.
    offers = {ADDRESS: Inventory(addresses, reserved=3, max_unit=1)}
    client.replace_inventories(subnet.uuid, Inventories(0, offers))
    client.replace_aggregates(subnet.uuid, Aggregates(1, [segment]))
    return subnet.uuid


def take(client: Client, segment: str, project_id: str) -> tuple[str, str]:
    """Hold an address of a segment; return the port and the subnet.

    The emptiest subnet comes first. Raises NoCandidate when all are full.
    """
    query = candidates_query([RequestGroup({ADDRESS: 1}, member_of=[segment])])
    port = str(uuid.uuid4())
    wanted = Wanted(port, query, project_id, "ports", "PORT")
    (held,) = client.hold(wanted, HOLD_SECONDS, order="spread")
    (subnet,) = held.by_provider
    return port, subnet


def keep(client: Client, port: str) -> bool:
    """Keep the address of a port that exists now; False if the hold has expired."""
    try:
        client.confirm(port)
    except NotFound:
        return False
    return True


def main() -> None:
    client = Client.connect()
    segment = str(uuid.uuid4())
    for name in ("10.0.0.0/28", "10.0.1.0/28"):
        add_subnet(client, name, 16, segment)
    port, subnet = take(client, segment, "demo")
    print(f"port {port} has an address of subnet {subnet}: {keep(client, port)}")


if __name__ == "__main__":
    main()
