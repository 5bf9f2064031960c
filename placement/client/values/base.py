"""Types and helpers that all values of the client use."""

import dataclasses
import typing
import uuid
from collections.abc import Iterable, Mapping

# A JSON object of the API, at the microversion of the client.
Document = Mapping[str, typing.Any]

_T = typing.TypeVar("_T")

AnyUUID = str | uuid.UUID
ByUUID = Mapping[str, _T] | Mapping[uuid.UUID, _T]

# Units by resource class.
Resources = Mapping[str, int]

# Allocated or requested resources by provider uuid.
ResourcesByProvider = Mapping[str, Resources]


def canonical_uuid(given: AnyUUID) -> str:
    """Return a uuid in lower case with dashes, or any other text unchanged."""
    try:
        return str(uuid.UUID(str(given)))
    except ValueError:
        return str(given)


def is_uuid(text: str) -> bool:
    """Return whether a text is a uuid, in any notation."""
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True


def several(name: str, given: Iterable[_T]) -> Iterable[_T]:
    """Return ``given``. Raises TypeError when it is a single string or uuid."""
    if isinstance(given, str | bytes | uuid.UUID):
        raise TypeError(f"{name} must be a list, not one value: {given!r}")
    return given


def set_fields(value: object, **fields: object) -> None:
    """Set the fields of a frozen value, in its ``__init__``."""
    for name, field in fields.items():
        object.__setattr__(value, name, field)


def from_members(kind: type[_T], document: Document) -> _T:
    """Return a dataclass with the members of the document that its fields name."""
    fields = dataclasses.fields(kind)  # type: ignore[arg-type]  # a type variable cannot say that it is a dataclass
    return kind(**{field.name: document[field.name] for field in fields})


def by_text(by_uuid: ByUUID[_T]) -> Mapping[str, _T]:
    """Return a mapping by uuid with strings as keys."""
    return {str(key): value for key, value in by_uuid.items()}
