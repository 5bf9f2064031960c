"""The JSON of providers in the answers of ``placement.web.providers``."""

import collections.abc
import typing

import orjson

from placement.api import encoding
from placement.objects import provider_page, provider_state
from placement.objects.provider_page import ProviderDetails

# Adds the usage to the inventories, with which it is stored.
USAGES = "usages"

# The members of ``include``.
PARTS = (
    provider_page.INVENTORIES,
    USAGES,
    provider_page.TRAITS,
    provider_page.AGGREGATES,
    provider_page.ALLOCATIONS,
)

_Document = dict[str, typing.Any]
Include = frozenset[str]


def listed(
    providers: collections.abc.Iterable[ProviderDetails], include: Include
) -> bytes:
    """Return a list of the providers."""
    return encoding.encode(_documents(providers, include))


def lines(
    providers: collections.abc.Iterable[ProviderDetails], include: Include
) -> bytes:
    """Return one line for each provider."""
    return b"".join(
        encoding.encode(each) + b"\n" for each in _documents(providers, include)
    )


def one(provider: ProviderDetails, include: Include) -> bytes:
    """Return the document of one provider."""
    (document,) = _documents([provider], include)
    return encoding.encode(document)


def _documents(
    providers: collections.abc.Iterable[ProviderDetails], include: Include
) -> list[_Document]:
    # Providers share lists of traits, and each list is encoded once.
    traits: dict[tuple[str, ...], orjson.Fragment] = {}

    def document(provider: ProviderDetails) -> _Document:
        body: _Document = {
            "uuid": provider.uuid,
            "name": provider.name,
            "generation": provider.generation,
            "parent_provider_uuid": provider.parent_provider_uuid,
            "root_provider_uuid": provider.root_provider_uuid,
            "state": provider_state.name_of(provider.state),
        }
        if provider_page.INVENTORIES in include:
            if USAGES not in include:
                for each in provider.inventories.values():
                    del each["used"]
            body["inventories"] = provider.inventories
        if provider_page.TRAITS in include:
            names = provider.traits
            if names not in traits:
                traits[names] = orjson.Fragment(orjson.dumps(names))
            body["traits"] = traits[names]
        if provider_page.AGGREGATES in include:
            body["aggregates"] = provider.aggregates
        if provider_page.ALLOCATIONS in include:
            body["allocations"] = provider.allocations
        return body

    return [document(each) for each in providers]
