"""Who asks, and the service that answers."""

import dataclasses
import typing

import sqlalchemy as sa

if typing.TYPE_CHECKING:
    from placement.conf.settings import Settings
    from placement.db.names import Names
    from placement.db.replica import Replica
    from placement.policy import Enforcer


@dataclasses.dataclass(frozen=True, slots=True)
class Service:
    """What all requests of one process share.

    ``replica`` may answer readers instead of what ``engine`` connects to.
    ``kept`` is memory for what is expensive to read again: a module that keeps
    something there does so under its own name, and makes sure that what it finds
    still holds.
    """

    settings: "Settings"
    engine: sa.Engine
    names: "Names"
    enforcer: "Enforcer"
    replica: "Replica | None" = None
    kept: dict[str, typing.Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True)
class RequestContext:
    """Who asks, as authentication found out.

    ``roles`` are lower-case names. A token has one scope: a project, the system
    (``system_scope``), or a domain (``domain_id``).
    """

    service: Service
    user_id: str | None
    project_id: str | None
    roles: tuple[str, ...] = ()
    system_scope: str | None = None
    domain_id: str | None = None

    @property
    def settings(self) -> "Settings":
        return self.service.settings

    @property
    def engine(self) -> sa.Engine:
        return self.service.engine

    @property
    def replica(self) -> "Replica | None":
        return self.service.replica

    @property
    def names(self) -> "Names":
        return self.service.names
