"""Changes of providers and provider trees without generations."""

import typing
from collections.abc import Iterable, Mapping, Sequence

from placement.client import values
from placement.client.exchange import Exchange, path_of, read

_NO_INVENTORIES: Mapping[str, values.Inventory] = {}


class TreeOperations(Exchange):
    """The operations that change providers and trees without generations.

    OpenStack Placement does not have them. All raise NotFound for such a service.
    Source: API reference, "Trees".
    """

    def change_provider(
        self,
        uuid: values.AnyUUID,
        *,
        add_traits: Iterable[str] = (),
        remove_traits: Iterable[str] = (),
        add_aggregates: Iterable[values.AnyUUID] = (),
        remove_aggregates: Iterable[values.AnyUUID] = (),
        set_inventories: Mapping[str, values.Inventory] = _NO_INVENTORIES,
        remove_inventories: Iterable[str] = (),
    ) -> values.ProviderDetails:
        """Add and remove traits, aggregates and inventories; return the provider.

        Does not conflict with writers of others. Adding what exists and
        removing what does not exist are no errors.

        Raises BadRequest for unknown traits and classes, NotFound, and InventoryInUse
        when an inventory to remove has allocations.
        """
        body = {
            "traits": _change(add=add_traits, remove=remove_traits),
            "aggregates": _change(add=add_aggregates, remove=remove_aggregates),
            "inventories": {
                "set": {
                    name: each.to_document() for name, each in set_inventories.items()
                },
                **_change(remove=remove_inventories),
            },
        }
        path = "/-/v1" + path_of("providers", uuid)
        answer = self.request("PATCH", path, body)
        return read(answer, values.ProviderDetails.from_document)

    def replace_tree(
        self,
        providers: Sequence[values.TreeProvider],
        *,
        has_prune: bool = False,
        has_check: bool = False,
        is_validated_only: bool = False,
    ) -> values.TreeDifference:
        """Make a tree as it is given, in one transaction; return the difference.

        The root is created if it is missing. The providers may have any order, such as
        that of a bulk read; they are sent with parents before their children. Providers
        of the tree that are not given stay, or are deleted with ``has_prune``. With
        ``has_check``, the generations that are given must be current. With
        ``is_validated_only``, nothing is changed.

        Raises BadRequest; Conflict for a provider in another tree; ConcurrentUpdate,
        DuplicateName, InventoryInUse, ProviderInUse.
        """
        sent = _parents_first(providers)
        body = {
            "providers": [each.to_document() for each in sent],
            "prune": has_prune,
            "check_generations": has_check,
            "validate_only": is_validated_only,
        }
        path = "/-/v1" + path_of("trees", sent[0].uuid)
        answer = self.request("PUT", path, body)
        return read(answer, values.TreeDifference.from_document)


def _parents_first(
    providers: Sequence[values.TreeProvider],
) -> list[values.TreeProvider]:
    """Return the providers by their depth; those of one depth keep their order."""
    parents = {
        values.canonical_uuid(each.uuid): values.canonical_uuid(each.parent_uuid)
        for each in providers
        if each.parent_uuid is not None
    }

    def depth(provider: values.TreeProvider) -> int:
        seen: set[str] = set()
        found: str | None = values.canonical_uuid(provider.uuid)
        # The service refuses a loop.
        while found is not None and found not in seen:
            seen.add(found)
            found = parents.get(found)
        return len(seen)

    return sorted(providers, key=depth)


def _change(**names: Iterable[values.AnyUUID]) -> dict[str, typing.Any]:
    return {
        how: sorted(map(str, values.several(how, given)))
        for how, given in names.items()
    }
