"""Which service the subcommands speak to."""

import time
import typing

import click

if typing.TYPE_CHECKING:
    from placement.client import Client


# Between two attempts to reach a server that is starting.
_PAUSE_SECONDS = 0.1


class Connection(typing.NamedTuple):
    """What the user said of the service; None is for the client to find."""

    endpoint: str | None
    token: str | None
    wait_seconds: float = 0

    def client(self) -> "Client":
        """Return a client of the service, after waiting for it if that was asked for.

        Raises ServerNotLocated; Unavailable when the service does not answer in time;
        UsageError when the endpoint is not a URL.
        """
        try:
            return self._answering() if self.wait_seconds else self._connected()
        except ValueError as failure:
            raise click.UsageError(str(failure)) from failure

    def _connected(self) -> "Client":
        # Help and usage errors do not need it.
        from placement.client import Client  # noqa: PLC0415 - slow

        return Client.connect(self.endpoint, self.token)

    def _answering(self) -> "Client":
        from placement.client import errors  # noqa: PLC0415 - slow

        deadline = time.monotonic() + self.wait_seconds
        while True:
            try:
                # A server that starts says only then where it is.
                client = self._connected()
                client.get_versions()
                return client
            except (errors.ServerNotLocated, errors.Unavailable):
                if time.monotonic() >= deadline:
                    raise
            time.sleep(_PAUSE_SECONDS)


pass_connection = click.make_pass_decorator(Connection)
