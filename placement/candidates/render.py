"""Render the result of a search as the JSON document of a version.

What changed when: 1.12 allocations by provider; 1.17 traits; 1.27 the whole
inventory; 1.29 the place in the tree; 1.34 mappings.
"""

import collections.abc
import enum
import itertools
import operator

import orjson

from placement.api.microversion import Version
from placement.candidates.model import Amounts, Found, Placement, ProviderSnapshot, Tree
from placement.tracing.points import traced

_BY_PROVIDER = Version(1, 12)
_TRAITS = Version(1, 17)
_WHOLE_INVENTORY = Version(1, 27)
_PLACES = Version(1, 29)
_MAPPINGS = Version(1, 34)


@traced("candidates.render")
def document(found: Found, version: Version) -> bytes:
    """Return the document, encoded.

    The text of a candidate is made once for each placement, and filled in with the
    uuids of each tree. Summaries are joined from the parts that snapshots have ready,
    so that the cost of one does not grow with its traits.
    """
    candidates = ",".join(_candidates(found, version))
    parts = [b'{"allocation_requests":[', candidates.encode()]
    parts.append(b'],"provider_summaries":{')
    start = len(parts)
    parts.extend(_summaries(found, version))
    if len(parts) > start:
        # Each summary begins with a comma. One join copies everything once.
        parts[start] = b""
    parts.append(b"}}")
    return b"".join(parts)


def _candidates(found: Found, version: Version) -> list[str]:
    form = _form(version)
    resources = _Resources(found.resource_classes)
    shared_uuids = tuple(one.uuid for one in found.sharing)
    templates: dict[Placement, _Template] = {}
    texts: list[str] = []
    for run in found.runs:
        for placement in set(run.placements) - templates.keys():
            templates[placement] = _template(placement, found.suffixes, resources, form)
        only = run.only_placement
        if only is not None:
            texts += _filled(templates[only], run.trees, shared_uuids)
            continue
        for placement, tree in zip(*run, strict=True):
            texts += _filled(templates[placement], (tree,), shared_uuids)
    return texts


def _filled(
    template: "_Template",
    trees: collections.abc.Sequence[Tree],
    shared_uuids: tuple[str, ...],
) -> list[str]:
    text, positions = template
    uuids = [tree.uuids for tree in trees]
    if max(positions, default=0) >= len(uuids[0]):
        uuids = [of_tree + shared_uuids for of_tree in uuids]
    if len(positions) == 2 and positions[0] == positions[1]:
        # Most candidates name one provider, in its allocation and a mapping.
        start, middle, end = text.split(_UUID)
        at = positions[0]
        return [f"{start}{of[at]}{middle}{of[at]}{end}" for of in uuids]
    if len(positions) > 1:
        pick = operator.itemgetter(*positions)
        return [text % pick(of_tree) for of_tree in uuids]
    return [text % tuple([of[at] for at in positions]) for of in uuids]


class _Form(enum.Enum):
    """The forms of a candidate."""

    AS_LIST = enum.auto()
    BY_PROVIDER = enum.auto()
    WITH_MAPPINGS = enum.auto()


def _form(version: Version) -> _Form:
    if version.matches(_MAPPINGS):
        return _Form.WITH_MAPPINGS
    return _Form.BY_PROVIDER if version.matches(_BY_PROVIDER) else _Form.AS_LIST


class _Resources:
    """The JSON of amounts, made once for equal ones."""

    def __init__(self, names: dict[int, str]) -> None:
        self._names = names
        self._json: dict[Amounts, str] = {}

    def json(self, amounts: Amounts) -> str:
        text = self._json.get(amounts)
        if text is None:
            by_name = {self._names[id_]: amount for id_, amount in amounts}
            text = self._json[amounts] = orjson.dumps(by_name).decode()
        return text


# The text of a candidate with a place for each uuid, and the positions of the
# providers that these are of.
_Template = tuple[str, tuple[int, ...]]

# The place of a uuid. No name or suffix has a per cent sign.
_UUID = "%s"


def _template(
    placement: Placement,
    suffixes: tuple[str, ...],
    resources: _Resources,
    form: _Form,
) -> _Template:
    positions = [at for at, _ in placement.allocations]
    shown = [resources.json(amounts) for _, amounts in placement.allocations]
    if form is _Form.AS_LIST:
        entries = ",".join(
            f'{{"resource_provider":{{"uuid":"{_UUID}"}},"resources":{one}}}'
            for one in shown
        )
        text = f'{{"allocations":[{entries}]}}'
    else:
        entries = ",".join(f'"{_UUID}":{{"resources":{one}}}' for one in shown)
        text = f'{{"allocations":{{{entries}}}}}'
    if form is _Form.WITH_MAPPINGS:
        mappings = []
        for suffix, of_group in zip(suffixes, placement.mappings, strict=True):
            uuids = ",".join([f'"{_UUID}"'] * len(of_group))
            mappings.append(f'"{suffix}":[{uuids}]')
            positions += of_group
        text = f'{{"allocations":{{{entries}}},"mappings":{{{",".join(mappings)}}}}}'
    return text, tuple(positions)


def _summaries(found: Found, version: Version) -> collections.abc.Iterator[bytes]:
    """Yield the parts of the summaries; each summary begins with a comma."""
    providers = found.summarized
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


def _asked_resources_json(provider: ProviderSnapshot, asked: dict[int, str]) -> bytes:
    resources = {
        asked[id_]: {"capacity": offer.capacity, "used": offer.used}
        for id_, offer in provider.offers.items()
        if id_ in asked
    }
    return b'"%b":{"resources":%b' % (provider.uuid.encode(), orjson.dumps(resources))
