"""What a request works with: its caller, and what the whole process shares."""

import dataclasses
import typing

import sqlalchemy as sa

from placement.caller import ANONYMOUS, Caller

if typing.TYPE_CHECKING:
    from placement.conf.settings import Settings
    from placement.db.names import Names
    from placement.db.replica import Replica
    from placement.policy import Enforcer


@dataclasses.dataclass(frozen=True, slots=True, weakref_slot=True)
class Service:
    """What all requests of one process share.

    ``replica``, if there is one, may serve reads in place of ``engine``. ``kept`` has
    the caches of the process: a module stores one under its own name, and checks that
    what it finds there is still true.
    """

    settings: "Settings"
    engine: sa.Engine
    names: "Names"
    enforcer: "Enforcer"
    replica: "Replica | None" = None
    kept: dict[str, typing.Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True)
class RequestContext:
    """One request's caller and the service that answers it."""

    service: Service
    caller: Caller = ANONYMOUS

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
