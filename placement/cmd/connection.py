"""The service that the subcommands use."""

import time
import typing

import click

if typing.TYPE_CHECKING:
    from placement.client import Client


# Between attempts to reach a server that is starting.
_PAUSE_SECONDS = 0.1


class Connection(typing.NamedTuple):
    """The options of the service; None: the client locates it on this machine."""

    endpoint: str | None
    token: str | None
    wait_seconds: float = 0

    def client(self) -> "Client":
        """Return a client of the service, once the service responds if
        ``wait_seconds``.

        Raises ServerNotLocated; Unavailable when the service does not respond in time;
        UsageError when the endpoint is not a URL.
        """
        try:
            return self._wait() if self.wait_seconds else self._connect()
        except ValueError as failure:
            raise click.UsageError(str(failure)) from failure

    def _connect(self) -> "Client":
        from placement.client import Client  # noqa: PLC0415 - slow

        return Client.connect(self.endpoint, self.token)

    def _wait(self) -> "Client":
        from placement.client import errors  # noqa: PLC0415 - slow

        deadline = time.monotonic() + self.wait_seconds
        while True:
            try:
                # A server writes its endpoint only when it is ready.
                client = self._connect()
                client.get_versions()
                return client
            except (errors.ServerNotLocated, errors.Unavailable):
                if time.monotonic() >= deadline:
                    raise
            time.sleep(_PAUSE_SECONDS)


pass_connection = click.make_pass_decorator(Connection)
