"""The answer to a search as a JSON document of one version.

What changed when: 1.12 allocations by provider; 1.17 traits; 1.27 the whole
inventory; 1.29 the place in the tree; 1.34 mappings.
"""

import collections.abc
import enum
import itertools

import orjson

from placement.api.microversion import Version
from placement.candidates.find import Found
from placement.candidates.model import AllocationRequest, Amounts, ProviderView
from placement.candidates.recent import Recent

# How many bytes of documents are kept; none takes more than a fourth.
_KEPT_BYTES_MAX = 16_000_000

_BY_PROVIDER = Version(1, 12)
_TRAITS = Version(1, 17)
_WHOLE_INVENTORY = Version(1, 27)
_PLACES = Version(1, 29)
_MAPPINGS = Version(1, 34)


def document(found: Found, version: Version) -> bytes:
    """Return the document, encoded.

    Summaries are put together from what the views have ready, so that the cost of
    one does not follow its traits. A candidate that is kept is encoded once.
    """
    form = _form(version)
    resources = _Resources(found.resource_classes)
    requests = []
    for request in found.requests:
        shown = request.shown
        if shown is None or shown[0] is not form:
            made = _request(request, found.suffixes, resources, form)
            request.shown = shown = (form, made)
        requests.append(shown[1])
    parts = [b'{"allocation_requests":[', b",".join(requests)]
    parts.append(b'],"provider_summaries":{')
    first = len(parts)
    parts.extend(_summaries(found, version))
    if len(parts) > first:
        # Each begins with a comma. One join of the whole is the only copy made.
        parts[first] = b""
    parts.append(b"}}")
    return b"".join(parts)


class Documents:
    """The documents that were made last, for who finds the very same again."""

    def __init__(self) -> None:
        self._kept: Recent[int, tuple[Found, Version, bytes]] = Recent(
            _KEPT_BYTES_MAX, lambda kept: len(kept[2])
        )

    def document(self, found: Found, version: Version) -> bytes:
        """Return what ``document`` does."""
        kept = self._kept.find(id(found))
        if kept is not None and kept[0] is found and kept[1] == version:
            return kept[2]
        made = document(found, version)
        if len(made) <= _KEPT_BYTES_MAX // 4:
            self._kept.add(id(found), (found, version, made))
        return made


class _Form(enum.Enum):
    """How a candidate is shown."""

    AS_LIST = enum.auto()
    BY_PROVIDER = enum.auto()
    WITH_MAPPINGS = enum.auto()


def _form(version: Version) -> _Form:
    if version.matches(_MAPPINGS):
        return _Form.WITH_MAPPINGS
    return _Form.BY_PROVIDER if version.matches(_BY_PROVIDER) else _Form.AS_LIST


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


def _request(
    request: AllocationRequest,
    suffixes: tuple[str, ...],
    resources: _Resources,
    form: _Form,
) -> bytes:
    if form is _Form.AS_LIST:
        shown = f'{{"allocations":{_allocations_as_list(request, resources)}}}'
    else:
        allocations = _allocations_by_provider(request, resources)
        shown = f'{{"allocations":{allocations}}}'
        if form is _Form.WITH_MAPPINGS:
            mappings = _mappings(suffixes, request)
            shown = f'{{"allocations":{allocations},"mappings":{mappings}}}'
    return shown.encode()


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


def _summaries(found: Found, version: Version) -> collections.abc.Iterator[bytes]:
    """Yield the parts of the summaries; each summary begins with a comma."""
    providers = found.providers
    if version.matches(_PLACES):
        parts = [
            (b",", one.resources_json, one.traits_json, one.place_json)
            for one in providers
        ]
    elif version.matches(_WHOLE_INVENTORY):
        parts = [(b",", one.resources_json, one.traits_json, b"}") for one in providers]
    else:
        shows_traits = version.matches(_TRAITS)
        parts = [
            (
                b",",
                _asked_resources_json(one, found.resource_classes),
                one.traits_json if shows_traits else b"",
                b"}",
            )
            for one in providers
        ]
    return itertools.chain.from_iterable(parts)


def _asked_resources_json(provider: ProviderView, asked: dict[int, str]) -> bytes:
    resources = {
        asked[id_]: {"capacity": offer.capacity, "used": offer.used}
        for id_, offer in provider.offers.items()
        if id_ in asked
    }
    return b'"%b":{"resources":%b' % (provider.uuid.encode(), orjson.dumps(resources))
