"""Which providers are told about beside the candidates."""

import collections.abc

from placement.candidates.model import AllocationRequest, ProviderView
from placement.candidates.trees import Forest


def of_trees(
    requests: collections.abc.Iterable[AllocationRequest], forest: Forest
) -> list[ProviderView]:
    """Return all providers of the trees that give resources (since 1.29).

    Trees come in the order of the candidates, providers ascend by id.
    """
    roots = {
        provider.root_id: provider
        for request in requests
        for provider, _ in request.allocations
    }
    return [
        one for provider in roots.values() for one in forest.tree_of(provider).providers
    ]


def of_providers(
    requests: collections.abc.Iterable[AllocationRequest],
) -> list[ProviderView]:
    """Return the providers that give resources (before 1.29)."""
    found = {
        provider.id: provider
        for request in requests
        for provider, _ in request.allocations
    }
    return list(found.values())
