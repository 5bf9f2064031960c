"""Operations on resource providers."""

import typing
from collections.abc import Sequence

from placement.client import errors, query, values
from placement.client.exchange import Exchange, provider_path, read, with_query

# How often ``ensure_provider`` looks for a provider that it could not create.
_ENSURE_ATTEMPTS = 3


class _Keep(typing.NamedTuple):
    """The default of parameters that leave a value unchanged; None is a value."""


KEEP = _Keep()


class ProviderOperations(Exchange):
    """The operations on providers and provider trees."""

    def get_providers(
        self,
        name: str | None = None,
        uuid: values.AnyUUID | None = None,
        in_tree: values.AnyUUID | None = None,
        resources: values.Resources | None = None,
        required: Sequence[str] = (),
        member_of: Sequence[values.AnyUUID] = (),
    ) -> list[values.Provider]:
        """Return the providers that match every given filter, in no particular order.

        ``required`` and ``member_of`` have the form of ``RequestGroup``.
        Source: API reference, "List resource providers".
        """
        parameters = query.provider_filters(
            name, uuid, in_tree, resources, required, member_of
        )
        return self._get(
            with_query("/resource_providers", parameters),
            lambda document: [
                values.Provider.from_document(each)
                for each in document["resource_providers"]
            ],
        )

    def create_provider(
        self,
        name: str,
        uuid: values.AnyUUID | None = None,
        parent_uuid: values.AnyUUID | None = None,
    ) -> values.Provider:
        """Create a provider; without ``uuid`` the service generates one.

        Raises DuplicateName when the name or uuid is already in use.
        """
        body = {"name": name, "parent_provider_uuid": parent_uuid}
        if uuid is not None:
            body["uuid"] = uuid
        answer = self.request("POST", "/resource_providers", body)
        return read(answer, values.Provider.from_document)

    def ensure_provider(
        self,
        name: str,
        uuid: values.AnyUUID | None = None,
        parent_uuid: values.AnyUUID | None = None,
    ) -> values.Provider:
        """Return the provider with this name, or create it if it does not exist.

        Of concurrent callers one creates it, and all get it. An existing provider is
        not changed.

        Raises DuplicateName when the provider has a different uuid or parent than
        given, or when a provider with another name has the uuid.
        """
        attempt = 1
        while True:
            for found in self.get_providers(name=name):
                _require_same(found, uuid, parent_uuid)
                return found
            try:
                return self.create_provider(name, uuid, parent_uuid)
            except errors.DuplicateName:
                if attempt == _ENSURE_ATTEMPTS:
                    raise
                attempt += 1

    def get_provider(self, uuid: values.AnyUUID) -> values.Provider:
        """Return one provider."""
        return self._get(provider_path(uuid), values.Provider.from_document)

    def update_provider(
        self,
        uuid: values.AnyUUID,
        name: str,
        parent_uuid: values.AnyUUID | _Keep | None = KEEP,
    ) -> values.Provider:
        """Set the name of a provider and, if given, its parent; None makes it a root.

        Raises DuplicateName; BadRequest when the parent is invalid.
        """
        body: dict[str, values.AnyUUID | None] = {"name": name}
        if not isinstance(parent_uuid, _Keep):
            body["parent_provider_uuid"] = parent_uuid
        answer = self.request("PUT", provider_path(uuid), body)
        return read(answer, values.Provider.from_document)

    def delete_provider(self, uuid: values.AnyUUID) -> None:
        """Delete a provider with its inventories.

        Raises ProviderHasChildren, ProviderInUse.
        """
        self.request("DELETE", provider_path(uuid))


def _require_same(
    found: values.Provider,
    uuid: values.AnyUUID | None,
    parent_uuid: values.AnyUUID | None,
) -> None:
    """Raise DuplicateName if the uuid or parent differs from the given one."""
    for what, stored, given in (
        ("uuid", found.uuid, uuid),
        ("parent", found.parent_uuid, parent_uuid),
    ):
        if given is not None and stored != values.canonical_uuid(given):
            raise errors.DuplicateName(
                f"A provider named {found.name} exists with the {what} {stored}, "
                f"not {given}.",
                code="placement.duplicate_name",
            )
