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
    root_ids = {
        provider.root_id: None
        for request in requests
        for provider, _ in request.allocations
    }
    return [one for tree in forest.trees(root_ids) for one in tree.providers]


def of_providers(
    requests: collections.abc.Iterable[AllocationRequest], forest: Forest
) -> list[ProviderView]:
    """Return the providers that give resources (before 1.29).

    Candidates are kept longer than names of classes hold, so they are asked for the
    ids only.
    """
    root_ids = {
        provider.id: provider.root_id
        for request in requests
        for provider, _ in request.allocations
    }
    trees = forest.trees(dict.fromkeys(root_ids.values()))
    views = {one.id: one for tree in trees for one in tree.providers}
    return [views[id_] for id_ in root_ids]
