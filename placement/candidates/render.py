"""The answer to a search as a JSON document of one version.

What changed when: 1.12 allocations by provider; 1.17 traits; 1.27 the whole
inventory; 1.29 the place in the tree; 1.34 mappings.
"""

import collections.abc

import orjson

from placement.candidates.find import Found
from placement.candidates.model import AllocationRequest, Amounts, ProviderView
from placement.microversion import Version

_BY_PROVIDER = Version(1, 12)
_TRAITS = Version(1, 17)
_WHOLE_INVENTORY = Version(1, 27)
_PLACES = Version(1, 29)
_MAPPINGS = Version(1, 34)


def document(found: Found, version: Version) -> bytes:
    """Return the document, encoded.

    Summaries are put together from what the views have ready, so that the cost of
    one does not follow its traits.
    """
    requests = ",".join(_requests(found, version))
    parts = [b'{"allocation_requests":[', requests.encode(), b"]"]
    parts.append(b',"provider_summaries":{')
    separator = b""
    for provider in found.providers:
        parts.append(separator)
        parts.extend(_summary(provider, found.resource_classes, version))
        separator = b","
    parts.append(b"}}")
    return b"".join(parts)


class _Resources:
    """The JSON of amounts, made once for each kind."""

    def __init__(self, names: dict[int, str]) -> None:
        self._names = names
        self._json: dict[Amounts, str] = {}

    def json(self, amounts: Amounts) -> str:
        text = self._json.get(amounts)
        if text is None:
            by_name = {self._names[id_]: amount for id_, amount in amounts}
            text = self._json[amounts] = orjson.dumps(by_name).decode()
        return text


def _requests(found: Found, version: Version) -> collections.abc.Iterator[str]:
    resources = _Resources(found.resource_classes)
    allocations = (
        _allocations_by_provider
        if version.matches(_BY_PROVIDER)
        else _allocations_as_list
    )
    shows_mappings = version.matches(_MAPPINGS)
    for request in found.requests:
        shown = allocations(request, resources)
        if shows_mappings:
            mappings = _mappings(found.suffixes, request)
            yield f'{{"allocations":{shown},"mappings":{mappings}}}'
        else:
            yield f'{{"allocations":{shown}}}'


def _allocations_by_provider(request: AllocationRequest, resources: _Resources) -> str:
    entries = [
        f'"{provider.uuid}":{{"resources":{resources.json(amounts)}}}'
        for provider, amounts in request.allocations
    ]
    return f"{{{','.join(entries)}}}"


def _allocations_as_list(request: AllocationRequest, resources: _Resources) -> str:
    entries = [
        f'{{"resource_provider":{{"uuid":"{provider.uuid}"}},'
        f'"resources":{resources.json(amounts)}}}'
        for provider, amounts in request.allocations
    ]
    return f"[{','.join(entries)}]"


def _mappings(suffixes: tuple[str, ...], request: AllocationRequest) -> str:
    entries = []
    for suffix, providers in zip(suffixes, request.mappings, strict=True):
        if len(providers) == 1:
            uuids = providers[0].uuid
        else:
            uuids = '","'.join(provider.uuid for provider in providers)
        entries.append(f'"{suffix}":["{uuids}"]')
    return f"{{{','.join(entries)}}}"


def _summary(
    provider: ProviderView, asked: dict[int, str], version: Version
) -> tuple[bytes, ...]:
    if version.matches(_PLACES):
        return (
            provider.resources_json,
            provider.traits_json,
            provider.place_json,
            b"}",
        )
    if version.matches(_WHOLE_INVENTORY):
        return (provider.resources_json, provider.traits_json, b"}")
    resources = _asked_resources_json(provider, asked)
    if version.matches(_TRAITS):
        return (resources, provider.traits_json, b"}")
    return (resources, b"}")


def _asked_resources_json(provider: ProviderView, asked: dict[int, str]) -> bytes:
    resources = {
        asked[id_]: {"capacity": offer.capacity, "used": offer.used}
        for id_, offer in provider.offers.items()
        if id_ in asked
    }
    return b'"%b":{"resources":%b' % (provider.uuid.encode(), orjson.dumps(resources))
