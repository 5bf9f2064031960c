"""Render the result of a search as the JSON document of a version.

What changed when: 1.12 allocations by provider; 1.17 traits; 1.27 the whole
inventory; 1.29 the place in the tree; 1.34 mappings.
"""

import collections.abc
import enum
import operator
import typing

import orjson

from placement.api.microversion import Version
from placement.candidates.model import Amounts, Found, Placement, ProviderSnapshot, Run
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
    parts = [b'{"allocation_requests":[', _candidates(found, version).encode()]
    parts.append(b'],"provider_summaries":{')
    summaries = _summaries(found, version)
    if summaries:
        # Each summary begins with a comma. One join copies everything once.
        summaries[0] = b""
    parts += summaries
    parts.append(b"}}")
    return b"".join(parts)


def _candidates(found: Found, version: Version) -> str:
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
            texts += _filled(templates[only], run, shared_uuids)
            continue
        for placement, tree in zip(*run, strict=True):
            template = templates[placement]
            texts.append(template.text % template.pick(tree.uuids + shared_uuids))
    # Each begins with a comma.
    return "".join(texts)[1:]


def _filled(
    template: "_Template", run: Run, shared_uuids: tuple[str, ...]
) -> list[str]:
    """Return the parts of the candidates of ``run``, which have one placement."""
    first, *others = template.text.split(_UUID)
    columns = [[first] * len(run.trees)]
    uuids = _uuids(run, set(template.positions), shared_uuids)
    for at, other in zip(template.positions, others, strict=True):
        columns += [uuids[at], [other] * len(run.trees)]
    return _by_row(columns)


def _uuids(
    run: Run, positions: set[int], shared_uuids: tuple[str, ...]
) -> dict[int, list[str]]:
    """Return the uuids at some positions, of all trees, by position."""
    # Reading less memory saves more time here than anything else.
    only_providers = run.only_providers if positions == {0} else None
    if only_providers is not None:
        return {0: [one.uuid for one in only_providers]}
    uuids = [tree.uuids for tree in run.trees]
    if max(positions, default=0) >= len(uuids[0]):
        uuids = [of_tree + shared_uuids for of_tree in uuids]
    return {at: [of_tree[at] for of_tree in uuids] for at in positions}


_Part = typing.TypeVar("_Part", bytes, str)


def _by_row(columns: list[list[_Part]]) -> list[_Part]:
    """Return the values of columns row by row; all columns are equally long."""
    parts = columns[0] * len(columns)
    for at, column in enumerate(columns):
        parts[at :: len(columns)] = column
    return parts


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


class _Template(typing.NamedTuple):
    """A comma and the text of a candidate, with a place for each uuid.

    ``positions`` are those of the providers that the uuids are of; ``pick`` returns
    the values at these positions, to fill in.
    """

    text: str
    positions: tuple[int, ...]
    pick: collections.abc.Callable[[tuple[str, ...]], object]


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
        text = f',{{"allocations":[{entries}]}}'
    else:
        entries = ",".join(f'"{_UUID}":{{"resources":{one}}}' for one in shown)
        text = f',{{"allocations":{{{entries}}}}}'
    if form is _Form.WITH_MAPPINGS:
        mappings = []
        for suffix, of_group in zip(suffixes, placement.mappings, strict=True):
            uuids = ",".join([f'"{_UUID}"'] * len(of_group))
            mappings.append(f'"{suffix}":[{uuids}]')
            positions += of_group
        text = f',{{"allocations":{{{entries}}},"mappings":{{{",".join(mappings)}}}}}'
    pick = operator.itemgetter(*positions) if positions else lambda _: ()
    return _Template(text, tuple(positions), pick)


def _summaries(found: Found, version: Version) -> list[bytes]:
    """Return the parts of the summaries; each summary begins with a comma."""
    providers, count = found.summarized, len(found.summarized)
    if version.matches(_WHOLE_INVENTORY):
        resources = [one.resources_json for one in providers]
    else:
        names = found.resource_classes
        resources = [_asked_resources_json(one, names) for one in providers]
    columns = [[b","] * count, resources]
    if version.matches(_TRAITS):
        columns.append([one.traits_json for one in providers])
    if version.matches(_PLACES):
        columns.append([one.place_json for one in providers])
    else:
        columns.append([b"}"] * count)
    return _by_row(columns)


def _asked_resources_json(provider: ProviderSnapshot, asked: dict[int, str]) -> bytes:
    resources = {
        asked[id_]: {"capacity": offer.capacity, "used": offer.used}
        for id_, offer in provider.offers.items()
        if id_ in asked
    }
    return b'"%b":{"resources":%b' % (provider.uuid.encode(), orjson.dumps(resources))
