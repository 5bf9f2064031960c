"""How much a project may hold, and how much it holds."""

import dataclasses
import typing

from placement.client.values.base import Document, from_members


@dataclasses.dataclass(frozen=True, slots=True)
class OwnLimits:
    """The limits of a project's own, and what it holds of these classes.

    The project ``default`` has no usage.
    """

    project_id: str
    limits: dict[str, int]
    usages: dict[str, int]

    @classmethod
    def from_document(cls, document: Document) -> typing.Self:
        return from_members(cls, document)


@dataclasses.dataclass(frozen=True, slots=True)
class ProjectLimits:
    """Limits and usage of a project: units by class, consumers by ``consumers``.

    ``limits`` are the project's own. ``defaults`` are those that apply to it, which
    are of other classes. ``usages`` has what it holds of all these.
    """

    project_id: str
    limits: dict[str, int]
    defaults: dict[str, int]
    usages: dict[str, int]

    @classmethod
    def from_document(cls, document: Document) -> typing.Self:
        return from_members(cls, document)
