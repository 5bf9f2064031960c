"""Which service the subcommands speak to."""

import typing

import click

if typing.TYPE_CHECKING:
    from placement.client import Client


class Connection(typing.NamedTuple):
    """What the user said of the service; None is for the client to find."""

    endpoint: str | None
    token: str | None

    def client(self) -> "Client":
        """Return a client of the service; nothing is sent yet.

        Raises ServerNotLocated; UsageError when the endpoint is not a URL.
        """
        # Help and usage errors do not need it.
        from placement.client import Client  # noqa: PLC0415 - slow

        try:
            return Client.connect(self.endpoint, self.token)
        except ValueError as failure:
            raise click.UsageError(str(failure)) from failure


pass_connection = click.make_pass_decorator(Connection)
