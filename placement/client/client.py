"""One method per operation of the Placement API, plain values in and out."""

import ssl
import typing
import urllib.parse
from collections.abc import Iterable, Iterator, Sequence

from placement.client import (
    allocations,
    errors,
    location,
    query,
    retry,
    transport,
    values,
)
from placement.client.exchange import documents, path_of, read, with_query

# How often ``ensure_provider`` looks for a provider that it could not create.
_ENSURE_ATTEMPTS = 3


class _Keep(typing.NamedTuple):
    """Stands for "leave it as it is" where None means something else."""


KEEP = _Keep()


class Client(allocations.AllocationOperations):
    """The Placement API over a transport.

    Every method raises the classes of ``errors``: those of its answer by status and
    code, ``Unreachable`` or ``TimedOut`` when there was none, and
    ``UnexpectedAnswer`` when what answered is something else. Nothing is sent again
    unless ``retry`` says so. A client may be shared by threads; as a context manager
    it closes its connections at the end.

    A uuid may be given as a string or as a ``uuid.UUID``.
    """

    @classmethod
    def connect(
        cls,
        endpoint: str | None = None,
        token: str | None = None,
        timeout_seconds: float = transport.TIMEOUT_SECONDS,
        *,
        ssl_context: ssl.SSLContext | None = None,
        user_agent: str | None = None,
        retry: retry.Retry = retry.NEVER,
    ) -> typing.Self:
        """Return a client of the service that ``locate`` finds; nothing is sent yet.

        Raises ServerNotLocated; ValueError when the endpoint is not a URL.
        """
        found = location.locate(endpoint, token)
        over_http = transport.HTTPTransport(
            found.endpoint, found.token, timeout_seconds, ssl_context
        )
        return cls(over_http, user_agent=user_agent, retry=retry)

    # The service

    def get_versions(self) -> values.Document:
        """Return the version document."""
        return self._get("/", dict)

    # Resource providers

    def get_providers(
        self,
        name: str | None = None,
        uuid: values.AnyUUID | None = None,
        in_tree: values.AnyUUID | None = None,
        resources: values.Resources | None = None,
        required: Sequence[str] = (),
        member_of: Sequence[values.AnyUUID] = (),
    ) -> list[values.Provider]:
        """Return the providers that every given filter lets through, in no order.

        ``required`` and ``member_of`` are written as in a ``RequestGroup``.
        Source: API reference, "List resource providers".
        """
        given = {"name": name, "uuid": uuid, "in_tree": in_tree}
        parameters = [
            (key, str(value)) for key, value in given.items() if value is not None
        ]
        if resources:
            parameters.append(("resources", query.render_resources(resources)))
        parameters += [("required", each) for each in query.render_required(required)]
        parameters += [
            ("member_of", str(each)) for each in values.several("member_of", member_of)
        ]
        return self._get(
            with_query("/resource_providers", parameters),
            lambda document: [
                values.Provider.from_document(each)
                for each in document["resource_providers"]
            ],
        )

    def read_providers(
        self, include: Sequence[str] = (), in_tree: values.AnyUUID | None = None
    ) -> Iterator[values.ProviderDetails]:
        """Yield all providers, or those of one tree, with what belongs to them.

        ``include`` names the parts: ``inventories``, ``usages`` (with inventories),
        ``traits``, ``aggregates``. They come in the order in which they were
        created. One request per 1,000 providers, sent when they are taken; each
        page is from one snapshot. Only this Placement has the operation.
        Source: API reference, "Extensions".
        """
        parameters = []
        if values.several("include", include):
            parameters.append(("include", ",".join(include)))
        if in_tree is not None:
            parameters.append(("in_tree", str(in_tree)))
        page_token: str | None = None
        while True:
            token = [("page_token", page_token)] if page_token is not None else []
            path = with_query("/-/v1/providers", parameters + token)
            page, page_token = self._get(path, _provider_page)
            yield from page
            if page_token is None:
                return

    def create_provider(
        self,
        name: str,
        uuid: values.AnyUUID | None = None,
        parent_uuid: values.AnyUUID | None = None,
    ) -> values.Provider:
        """Create a provider; without ``uuid`` the service makes one.

        Raises DuplicateName when the name or the uuid is taken.
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
        """Return the provider of this name; create it if it is missing.

        Of several callers at the same time one creates it, and all get it. A
        provider that exists is not changed.

        Raises DuplicateName when the provider of this name has another uuid or
        parent than those given, or the uuid is that of a provider of another name.
        """
        attempt = 1
        while True:
            for found in self.get_providers(name=name):
                _refuse_another(found, uuid, parent_uuid)
                return found
            try:
                return self.create_provider(name, uuid, parent_uuid)
            except errors.DuplicateName:
                if attempt == _ENSURE_ATTEMPTS:
                    raise
                attempt += 1

    def get_provider(self, uuid: values.AnyUUID) -> values.Provider:
        """Return one provider."""
        return self._get(_provider(uuid), values.Provider.from_document)

    def update_provider(
        self,
        uuid: values.AnyUUID,
        name: str,
        parent_uuid: values.AnyUUID | _Keep | None = KEEP,
    ) -> values.Provider:
        """Give a provider its name, and its parent if that is given.

        A parent of None makes it a root. Raises DuplicateName.
        """
        body: dict[str, values.AnyUUID | None] = {"name": name}
        if not isinstance(parent_uuid, _Keep):
            body["parent_provider_uuid"] = parent_uuid
        answer = self.request("PUT", _provider(uuid), body)
        return read(answer, values.Provider.from_document)

    def delete_provider(self, uuid: values.AnyUUID) -> None:
        """Delete a provider with all it offers.

        Raises ProviderHasChildren, ProviderInUse.
        """
        self.request("DELETE", _provider(uuid))

    # Inventories

    def get_inventories(self, uuid: values.AnyUUID) -> values.Inventories:
        """Return everything that one provider offers."""
        path = _provider(uuid, "inventories")
        return self._get(path, values.Inventories.from_document)

    def create_inventory(
        self, uuid: values.AnyUUID, resource_class: str, inventory: values.Inventory
    ) -> int:
        """Add one class to what a provider offers.

        Returns the provider's new generation.
        Raises ConcurrentUpdate when the provider offers the class already.
        """
        body = {"resource_class": resource_class, **inventory.to_document()}
        answer = self.request("POST", _provider(uuid, "inventories"), body)
        return read(answer, _generation)

    def replace_inventories(
        self, uuid: values.AnyUUID, inventories: values.Inventories
    ) -> values.Inventories:
        """Make ``inventories`` all that the provider offers, if it has not changed.

        Raises ConcurrentUpdate, InventoryInUse.
        """
        path = _provider(uuid, "inventories")
        answer = self.request("PUT", path, inventories.to_document())
        return read(answer, values.Inventories.from_document)

    def delete_inventories(self, uuid: values.AnyUUID) -> None:
        """Delete everything that one provider offers. Raises InventoryInUse."""
        self.request("DELETE", _provider(uuid, "inventories"))

    def get_inventory(
        self, uuid: values.AnyUUID, resource_class: str
    ) -> values.Inventory:
        """Return what one provider offers of one class."""
        path = _provider(uuid, "inventories", resource_class)
        return self._get(path, values.Inventory.from_document)

    def replace_inventory(
        self,
        uuid: values.AnyUUID,
        resource_class: str,
        inventory: values.Inventory,
        generation: int,
    ) -> int:
        """Replace what one provider offers of one class, if it has not changed.

        Returns the provider's new generation. Raises ConcurrentUpdate.
        """
        path = _provider(uuid, "inventories", resource_class)
        body = {"resource_provider_generation": generation, **inventory.to_document()}
        return read(self.request("PUT", path, body), _generation)

    def delete_inventory(self, uuid: values.AnyUUID, resource_class: str) -> None:
        """Delete what one provider offers of one class.

        Raises ConcurrentUpdate when it is in use: the API has no code for it here.
        """
        self.request("DELETE", _provider(uuid, "inventories", resource_class))

    # Usages, aggregates and traits of a provider

    def get_usages(self, uuid: values.AnyUUID) -> values.Usages:
        """Return how much of each class of one provider is used."""
        path = _provider(uuid, "usages")
        return self._get(path, values.Usages.from_document)

    def get_aggregates(self, uuid: values.AnyUUID) -> values.Aggregates:
        """Return the aggregates that one provider is in."""
        path = _provider(uuid, "aggregates")
        return self._get(path, values.Aggregates.from_document)

    def replace_aggregates(
        self, uuid: values.AnyUUID, aggregates: values.Aggregates
    ) -> values.Aggregates:
        """Make these the provider's aggregates, if the provider has not changed.

        Raises ConcurrentUpdate.
        """
        path = _provider(uuid, "aggregates")
        answer = self.request("PUT", path, aggregates.to_document())
        return read(answer, values.Aggregates.from_document)

    def get_provider_traits(self, uuid: values.AnyUUID) -> values.ProviderTraits:
        """Return the traits of one provider."""
        path = _provider(uuid, "traits")
        return self._get(path, values.ProviderTraits.from_document)

    def replace_provider_traits(
        self, uuid: values.AnyUUID, traits: values.ProviderTraits
    ) -> values.ProviderTraits:
        """Make these the provider's traits, if the provider has not changed.

        Raises ConcurrentUpdate; BadRequest when a trait does not exist.
        """
        path = _provider(uuid, "traits")
        answer = self.request("PUT", path, traits.to_document())
        return read(answer, values.ProviderTraits.from_document)

    def delete_provider_traits(self, uuid: values.AnyUUID) -> None:
        """Take all traits from one provider."""
        self.request("DELETE", _provider(uuid, "traits"))

    def get_provider_allocations(
        self, uuid: values.AnyUUID
    ) -> values.ProviderAllocations:
        """Return what is taken from one provider, by consumer."""
        path = _provider(uuid, "allocations")
        return self._get(path, values.ProviderAllocations.from_document)

    # Resource classes and traits

    def get_resource_classes(self) -> list[str]:
        """Return the names of all classes, standard ones first."""
        return self._get(
            "/resource_classes",
            lambda document: [each["name"] for each in document["resource_classes"]],
        )

    def create_resource_class(self, name: str) -> None:
        """Create a custom class. Raises Conflict when it exists."""
        self.request("POST", "/resource_classes", {"name": name})

    def has_resource_class(self, name: str) -> bool:
        """Say whether a class exists."""
        return self._exists(path_of("resource_classes", name))

    def ensure_resource_class(self, name: str) -> bool:
        """Create a custom class if it is missing; say whether it was."""
        return self.request("PUT", path_of("resource_classes", name)).status == 201

    def delete_resource_class(self, name: str) -> None:
        """Delete a custom class. Raises Conflict when an inventory has it."""
        self.request("DELETE", path_of("resource_classes", name))

    def get_traits(
        self,
        names: Iterable[str] | None = None,
        prefix: str | None = None,
        is_associated: bool | None = None,
    ) -> list[str]:
        """Return trait names: of those given, or beginning with ``prefix``, or all.

        ``is_associated`` keeps those that some provider has, or that none has.
        Raises ValueError when names and prefix are both given: the API takes one.
        """
        if names is not None and prefix is not None:
            raise ValueError("Give names or a prefix, not both")
        parameters = []
        if names is not None:
            parameters.append(
                ("name", "in:" + ",".join(values.several("names", names)))
            )
        if prefix is not None:
            parameters.append(("name", "startswith:" + prefix))
        if is_associated is not None:
            parameters.append(("associated", str(is_associated).lower()))
        return self._get(
            with_query("/traits", parameters),
            lambda document: list(document["traits"]),
        )

    def has_trait(self, name: str) -> bool:
        """Say whether a trait exists."""
        return self._exists(path_of("traits", name))

    def ensure_trait(self, name: str) -> bool:
        """Create a custom trait if it is missing; say whether it was."""
        return self.request("PUT", path_of("traits", name)).status == 201

    def delete_trait(self, name: str) -> None:
        """Delete a custom trait. Raises Conflict when a provider has it."""
        self.request("DELETE", path_of("traits", name))

    # Searching and reshaping

    def get_candidates(
        self,
        groups: Iterable[query.RequestGroup],
        group_policy: str | None = None,
        limit: int | None = None,
        root_required: Sequence[str] = (),
        same_subtree: Iterable[Sequence[str]] = (),
    ) -> values.Candidates:
        """Return the ways to serve all groups at once, ``limit`` at most.

        Parameters are those of ``query.candidates_query``. That nothing fits is an
        empty answer. Raises BadRequest, also for names that do not exist.
        """
        return self.get_candidates_by_query(
            query.candidates_query(
                groups, group_policy, limit, root_required, same_subtree
            )
        )

    def get_candidates_by_query(self, query_string: str) -> values.Candidates:
        """Return what a search finds that is written as a query string.

        Characters that no URL has are quoted; what is quoted already stays so.
        """
        quoted = urllib.parse.quote(query_string, safe="%&=:,!+;/?@-._~'()*$[]")
        path = f"/allocation_candidates?{quoted}"
        return self._get(path, values.Candidates.from_document)

    def reshape(
        self,
        inventories: values.ByUUID[values.Inventories],
        allocations: values.ByUUID[values.Allocations],
    ) -> None:
        """Replace inventories by provider and allocations by consumer, all at once.

        Raises ConcurrentUpdate, InventoryInUse and what ``replace_allocations``
        raises; Forbidden unless the policy allows the caller to reshape.
        """
        body = {
            "inventories": documents(inventories),
            "allocations": documents(allocations),
        }
        self.request("POST", "/reshaper", body)

    def _exists(self, path: str) -> bool:
        try:
            self.request("GET", path)
        except errors.NotFound:
            return False
        return True


def _provider_page(
    document: values.Document,
) -> tuple[list[values.ProviderDetails], str | None]:
    page = [
        values.ProviderDetails.from_document(each) for each in document["providers"]
    ]
    return page, document["next_page_token"]


def _generation(document: values.Document) -> int:
    generation = document["resource_provider_generation"]
    return int(generation)


def _provider(uuid: values.AnyUUID, *segments: str) -> str:
    return path_of("resource_providers", uuid, *segments)


def _refuse_another(
    found: values.Provider,
    uuid: values.AnyUUID | None,
    parent_uuid: values.AnyUUID | None,
) -> None:
    """Raise DuplicateName when a provider has not the uuid or parent that is given."""
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
