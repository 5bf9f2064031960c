"""The state of a provider."""

import dataclasses
import datetime
import typing

from placement.client.values.base import Document


@dataclasses.dataclass(frozen=True, slots=True)
class ProviderState:
    """The state of a provider: why it has it, since when, until when, and set by whom.

    What was never set is None, or an empty reason.
    """

    uuid: str
    name: str
    state: str
    reason: str = ""
    until: datetime.datetime | None = None
    set_at: datetime.datetime | None = None
    project_id: str | None = None
    user_id: str | None = None

    @property
    def is_in_service(self) -> bool:
        return self.state == "in_service"

    @classmethod
    def from_document(cls, document: Document) -> typing.Self:
        times = {name: document[name] for name in ("until", "set_at")}
        return cls(
            uuid=document["uuid"],
            name=document["name"],
            state=document["state"],
            reason=document["reason"],
            project_id=document["project_id"],
            user_id=document["user_id"],
            **{
                name: None if text is None else datetime.datetime.fromisoformat(text)
                for name, text in times.items()
            },
        )

    def to_document(self) -> Document:
        return {
            name: value.isoformat() if isinstance(value, datetime.datetime) else value
            for name, value in dataclasses.asdict(self).items()
        }
