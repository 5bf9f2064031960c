"""One method per operation of the Placement API, plain values in and out."""

import json
import typing
import urllib.parse
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from placement.client import errors, location, query, transport, values

# The microversion on the wire, and the one that the values follow.
VERSION = "1.39"

_T = typing.TypeVar("_T")


class _Keep(typing.NamedTuple):
    """Stands for "leave it as it is" where None means something else."""


KEEP = _Keep()


class Client:
    """The Placement API over a transport.

    Every method raises the classes of ``errors``: those of its answer by status and
    code, ``Unreachable`` or ``TimedOut`` when there was none, and
    ``UnexpectedAnswer`` when what answered is something else. Nothing is retried.
    A client may be shared by threads.
    """

    def __init__(self, transport: transport.Transport) -> None:
        self._transport = transport

    @classmethod
    def connect(
        cls,
        endpoint: str | None = None,
        token: str | None = None,
        timeout_seconds: float = transport.TIMEOUT_SECONDS,
    ) -> typing.Self:
        """Return a client of the service that ``locate`` finds; nothing is sent yet.

        Raises ServerNotLocated; ValueError when the endpoint is not a URL.
        """
        found = location.locate(endpoint, token)
        return cls(
            transport.HTTPTransport(found.endpoint, found.token, timeout_seconds)
        )

    def request(
        self,
        method: str,
        path: str,
        body: object = None,
        version: str = VERSION,
    ) -> transport.Response:
        """Send any request and return its answer, if it is a success.

        ``body`` is sent as JSON unless it is None. Raises as every method does.
        """
        headers = {
            "accept": "application/json",
            "openstack-api-version": f"placement {version}",
        }
        content = None
        if body is not None:
            headers["content-type"] = "application/json"
            content = json.dumps(body).encode()
        answer = self._transport.send(method, path, headers, content)
        if not 200 <= answer.status < 300:
            raise errors.from_response(answer.status, answer.headers, answer.body)
        return answer

    # The service

    def get_versions(self) -> values.Document:
        """Return the version document."""
        return self._get("/", dict)

    # Resource providers

    def get_providers(
        self,
        name: str | None = None,
        uuid: str | None = None,
        in_tree: str | None = None,
        resources: values.Resources | None = None,
        required: Sequence[str] = (),
        member_of: Sequence[str] = (),
    ) -> list[values.Provider]:
        """Return the providers that every given filter lets through, in no order.

        ``required`` and ``member_of`` are written as in a ``RequestGroup``.
        Source: API reference, "List resource providers".
        """
        given = {"name": name, "uuid": uuid, "in_tree": in_tree}
        parameters = [(key, value) for key, value in given.items() if value is not None]
        if resources:
            parameters.append(("resources", query.render_resources(resources)))
        parameters += [("required", each) for each in query.render_required(required)]
        parameters += [("member_of", each) for each in member_of]
        return self._get(
            _with_query("/resource_providers", parameters),
            lambda document: [
                values.Provider.from_document(each)
                for each in document["resource_providers"]
            ],
        )

    def read_providers(
        self, include: Sequence[str] = (), in_tree: str | None = None
    ) -> Iterator[values.ProviderDetails]:
        """Yield all providers, or those of one tree, with what belongs to them.

        ``include`` names the parts: ``inventories``, ``usages`` (with inventories),
        ``traits``, ``aggregates``. They come in the order in which they were
        created. One request per 1,000 providers, sent when they are taken; each
        page is from one snapshot. Only this Placement has the operation.
        Source: API reference, "Extensions".
        """
        parameters = [("include", ",".join(include))] if include else []
        if in_tree is not None:
            parameters.append(("in_tree", in_tree))
        page_token: str | None = None
        while True:
            token = [("page_token", page_token)] if page_token is not None else []
            path = _with_query("/-/v1/providers", parameters + token)
            page, page_token = self._get(path, _provider_page)
            yield from page
            if page_token is None:
                return

    def create_provider(
        self, name: str, uuid: str | None = None, parent_uuid: str | None = None
    ) -> values.Provider:
        """Create a provider; without ``uuid`` the service makes one.

        Raises DuplicateName when the name or the uuid is taken.
        """
        body = {"name": name, "parent_provider_uuid": parent_uuid}
        if uuid is not None:
            body["uuid"] = uuid
        answer = self.request("POST", "/resource_providers", body)
        return _read(answer, values.Provider.from_document)

    def get_provider(self, uuid: str) -> values.Provider:
        """Return one provider."""
        return self._get(_provider(uuid), values.Provider.from_document)

    def update_provider(
        self, uuid: str, name: str, parent_uuid: str | _Keep | None = KEEP
    ) -> values.Provider:
        """Give a provider its name, and its parent if that is given.

        A parent of None makes it a root. Raises DuplicateName.
        """
        body: dict[str, str | None] = {"name": name}
        if not isinstance(parent_uuid, _Keep):
            body["parent_provider_uuid"] = parent_uuid
        answer = self.request("PUT", _provider(uuid), body)
        return _read(answer, values.Provider.from_document)

    def delete_provider(self, uuid: str) -> None:
        """Delete a provider with all it offers.

        Raises ProviderHasChildren, ProviderInUse.
        """
        self.request("DELETE", _provider(uuid))

    # Inventories

    def get_inventories(self, uuid: str) -> values.Inventories:
        """Return everything that one provider offers."""
        path = _provider(uuid, "inventories")
        return self._get(path, values.Inventories.from_document)

    def create_inventory(
        self, uuid: str, resource_class: str, inventory: values.Inventory
    ) -> int:
        """Add one class to what a provider offers.

        Returns the provider's new generation.
        Raises ConcurrentUpdate when the provider offers the class already.
        """
        body = {"resource_class": resource_class, **inventory.to_document()}
        answer = self.request("POST", _provider(uuid, "inventories"), body)
        return _read(answer, _generation)

    def replace_inventories(
        self, uuid: str, inventories: values.Inventories
    ) -> values.Inventories:
        """Make ``inventories`` all that the provider offers, if it has not changed.

        Raises ConcurrentUpdate, InventoryInUse.
        """
        path = _provider(uuid, "inventories")
        answer = self.request("PUT", path, inventories.to_document())
        return _read(answer, values.Inventories.from_document)

    def delete_inventories(self, uuid: str) -> None:
        """Delete everything that one provider offers. Raises InventoryInUse."""
        self.request("DELETE", _provider(uuid, "inventories"))

    def get_inventory(self, uuid: str, resource_class: str) -> values.Inventory:
        """Return what one provider offers of one class."""
        path = _provider(uuid, "inventories", resource_class)
        return self._get(path, values.Inventory.from_document)

    def replace_inventory(
        self,
        uuid: str,
        resource_class: str,
        inventory: values.Inventory,
        generation: int,
    ) -> int:
        """Replace what one provider offers of one class, if it has not changed.

        Returns the provider's new generation. Raises ConcurrentUpdate.
        """
        path = _provider(uuid, "inventories", resource_class)
        body = {"resource_provider_generation": generation, **inventory.to_document()}
        return _read(self.request("PUT", path, body), _generation)

    def delete_inventory(self, uuid: str, resource_class: str) -> None:
        """Delete what one provider offers of one class.

        Raises ConcurrentUpdate when it is in use: the API has no code for it here.
        """
        self.request("DELETE", _provider(uuid, "inventories", resource_class))

    # Usages, aggregates and traits of a provider

    def get_usages(self, uuid: str) -> values.Usages:
        """Return how much of each class of one provider is used."""
        path = _provider(uuid, "usages")
        return self._get(path, values.Usages.from_document)

    def get_aggregates(self, uuid: str) -> values.Aggregates:
        """Return the aggregates that one provider is in."""
        path = _provider(uuid, "aggregates")
        return self._get(path, values.Aggregates.from_document)

    def replace_aggregates(
        self, uuid: str, aggregates: values.Aggregates
    ) -> values.Aggregates:
        """Make these the provider's aggregates, if the provider has not changed.

        Raises ConcurrentUpdate.
        """
        path = _provider(uuid, "aggregates")
        answer = self.request("PUT", path, aggregates.to_document())
        return _read(answer, values.Aggregates.from_document)

    def get_provider_traits(self, uuid: str) -> values.ProviderTraits:
        """Return the traits of one provider."""
        path = _provider(uuid, "traits")
        return self._get(path, values.ProviderTraits.from_document)

    def replace_provider_traits(
        self, uuid: str, traits: values.ProviderTraits
    ) -> values.ProviderTraits:
        """Make these the provider's traits, if the provider has not changed.

        Raises ConcurrentUpdate; BadRequest when a trait does not exist.
        """
        path = _provider(uuid, "traits")
        answer = self.request("PUT", path, traits.to_document())
        return _read(answer, values.ProviderTraits.from_document)

    def delete_provider_traits(self, uuid: str) -> None:
        """Take all traits from one provider."""
        self.request("DELETE", _provider(uuid, "traits"))

    def get_provider_allocations(self, uuid: str) -> values.ProviderAllocations:
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
        return self._exists(_path("resource_classes", name))

    def ensure_resource_class(self, name: str) -> bool:
        """Create a custom class if it is missing; say whether it was."""
        return self.request("PUT", _path("resource_classes", name)).status == 201

    def delete_resource_class(self, name: str) -> None:
        """Delete a custom class. Raises Conflict when an inventory has it."""
        self.request("DELETE", _path("resource_classes", name))

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
            parameters.append(("name", "in:" + ",".join(names)))
        if prefix is not None:
            parameters.append(("name", "startswith:" + prefix))
        if is_associated is not None:
            parameters.append(("associated", str(is_associated).lower()))
        return self._get(
            _with_query("/traits", parameters),
            lambda document: list(document["traits"]),
        )

    def has_trait(self, name: str) -> bool:
        """Say whether a trait exists."""
        return self._exists(_path("traits", name))

    def ensure_trait(self, name: str) -> bool:
        """Create a custom trait if it is missing; say whether it was."""
        return self.request("PUT", _path("traits", name)).status == 201

    def delete_trait(self, name: str) -> None:
        """Delete a custom trait. Raises Conflict when a provider has it."""
        self.request("DELETE", _path("traits", name))

    # Allocations

    def get_allocations(self, consumer: str) -> values.Allocations:
        """Return what one consumer holds; nothing for a consumer never heard of."""
        path = _path("allocations", consumer)
        return self._get(path, values.Allocations.from_document)

    def replace_allocations(
        self, consumer: str, allocations: values.Allocations
    ) -> None:
        """Make ``allocations`` all that the consumer holds, if it has not changed.

        Raises ConsumerConflict, ConcurrentUpdate, CapacityExceeded,
        ConstraintViolation, InventoryInvalid; BadRequest for names that do not exist.
        """
        path = _path("allocations", consumer)
        self.request("PUT", path, allocations.to_document())

    def replace_many_allocations(
        self, by_consumer: Mapping[str, values.Allocations]
    ) -> None:
        """Replace what several consumers hold: all of them, or none.

        Raises as ``replace_allocations``.
        """
        self.request("POST", "/allocations", _documents(by_consumer))

    def delete_allocations(self, consumer: str) -> None:
        """Give back all that a consumer holds. Raises NotFound if that is nothing."""
        self.request("DELETE", _path("allocations", consumer))

    def claim(
        self,
        consumer: str,
        allocation_request: values.AllocationRequest,
        *,
        project_id: str,
        user_id: str,
        consumer_type: str,
        consumer_generation: int | None = None,
    ) -> values.Claim:
        """Take what a candidate offers, for one consumer.

        Returns a ``Claim`` that is true if the consumer has it now. It is false,
        with the reason in ``outcome``, where somebody was faster: the room is gone,
        the providers kept changing, or the consumer is not at
        ``consumer_generation`` (None: it holds nothing yet). A caller then tries the
        next candidate, or reads again.

        Raises where the request is wrong and no later try can make it right:
        BadRequest (a provider, class or id that does not exist or is malformed),
        ConstraintViolation (the amount breaks min_unit, max_unit or step_size), and
        InventoryInvalid (the provider does not offer the class). After Unreachable
        or TimedOut it is unknown whether the claim was served: ask
        ``get_allocations``.
        """
        wanted = values.Allocations(
            allocation_request.by_provider,
            consumer_generation,
            project_id,
            user_id,
            consumer_type,
        )
        try:
            self.replace_allocations(consumer, wanted)
        except errors.CapacityExceeded as failure:
            outcome, detail = values.Outcome.NO_ROOM, failure.detail
        except errors.ConsumerConflict as failure:
            outcome, detail = values.Outcome.CONSUMER_CHANGED, failure.detail
        except errors.ConcurrentUpdate as failure:
            outcome, detail = values.Outcome.PROVIDER_CHANGED, failure.detail
        else:
            outcome, detail = values.Outcome.CLAIMED, ""
        return values.Claim(consumer, outcome, detail)

    def get_project_usages(
        self,
        project_id: str,
        user_id: str | None = None,
        consumer_type: str | None = None,
    ) -> Mapping[str, values.ProjectUsage]:
        """Return what a project uses, by consumer type.

        A ``consumer_type`` of ``all`` counts all types together under that key, and
        ``unknown`` the consumers that have none.
        """
        parameters = [("project_id", project_id)]
        if user_id is not None:
            parameters.append(("user_id", user_id))
        if consumer_type is not None:
            parameters.append(("consumer_type", consumer_type))
        return self._get(
            _with_query("/usages", parameters),
            lambda document: {
                name: values.ProjectUsage.from_document(usage)
                for name, usage in document["usages"].items()
            },
        )

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
        inventories: Mapping[str, values.Inventories],
        allocations: Mapping[str, values.Allocations],
    ) -> None:
        """Replace inventories by provider and allocations by consumer, all at once.

        Raises ConcurrentUpdate, InventoryInUse and what ``replace_allocations``
        raises; Forbidden unless the policy allows the caller to reshape.
        """
        body = {
            "inventories": _documents(inventories),
            "allocations": _documents(allocations),
        }
        self.request("POST", "/reshaper", body)

    def _get(self, path: str, parse: Callable[[values.Document], _T]) -> _T:
        return _read(self.request("GET", path), parse)

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


def _read(answer: transport.Response, parse: Callable[[values.Document], _T]) -> _T:
    """Return what the body of an answer says.

    Raises UnexpectedAnswer when it is not of the shape that the API promises.
    """
    document = answer.json()
    try:
        return parse(document)
    except (AttributeError, KeyError, TypeError, ValueError) as failure:
        raise errors.UnexpectedAnswer(
            "The answer does not have the form that the API promises: is this a "
            f"Placement endpoint that knows microversion {VERSION}?",
            answer.status,
        ) from failure


def _generation(document: values.Document) -> int:
    generation = document["resource_provider_generation"]
    return int(generation)


def _documents(
    by_uuid: Mapping[str, values.Inventories] | Mapping[str, values.Allocations],
) -> values.Document:
    return {uuid: value.to_document() for uuid, value in by_uuid.items()}


def _path(*segments: str) -> str:
    return "".join("/" + urllib.parse.quote(each, safe="") for each in segments)


def _provider(uuid: str, *segments: str) -> str:
    return _path("resource_providers", uuid, *segments)


def _with_query(path: str, parameters: query.Parameters) -> str:
    return f"{path}?{query.encode(parameters)}" if parameters else path
