"""The caller of a request."""

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True)
class Caller:
    """The user and the scope of a token.

    ``roles`` are lower-case names. A token has one scope: a project, the system
    (``system_scope``), or a domain (``domain_id``).
    """

    user_id: str | None = None
    project_id: str | None = None
    roles: tuple[str, ...] = ()
    system_scope: str | None = None
    domain_id: str | None = None


ANONYMOUS = Caller()
