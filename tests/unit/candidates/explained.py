"""What an explanation must say, straight from its definition, by trying everything."""

import copy
import dataclasses

from tests.unit.candidates.model import Group

UNIT_RULES = ("min_unit", "step_size", "max_unit")
OF_AMOUNT = ("offers", *UNIT_RULES, "size", "room")


@dataclasses.dataclass
class Slot:
    """A suffixed group, or one class of the unsuffixed one, with its steps.

    A step is (condition, value).
    """

    group: Group
    amounts: dict
    steps: list


def is_collective(group):
    """Its providers have the required traits together."""
    return not group.suffix and len(group.resources) > 1


def slots_of(question):
    found = []
    for group in question.groups:
        if group.suffix:
            found.append(Slot(group, group.resources, steps_of(group)))
        else:
            found += [
                Slot(group, {name: amount}, steps_of(group))
                for name, amount in group.resources.items()
            ]
    return found


def steps_of(group):
    steps = []
    if group.resources:
        steps.append(("offers", None))
    if group.in_tree is not None:
        steps.append(("in_tree", group.in_tree))
    if group.not_member_of:
        steps.append(("not_member_of", group.not_member_of))
    steps += [("member_of", names) for names in dict.fromkeys(group.member_of)]
    if group.forbidden:
        steps.append(("forbidden", group.forbidden))
    if not is_collective(group):
        steps += [("required", names) for names in dict.fromkeys(group.required)]
    if group.resources:
        steps += [(name, None) for name in (*UNIT_RULES, "size", "room")]
    return [*steps, ("state", "in_service")]


def choices(model, slot, anchor):
    """Yield (provider, the provider whose aggregates count)."""
    for name in model.providers:
        if anchor not in model.anchors(name):
            continue
        yield name, name
        if not slot.group.suffix and model.root(name) == anchor:
            yield name, anchor


def passes(model, slot, step, choice, anchor):
    condition, value = step
    name, member = choice
    provider = model.providers[name]
    if condition in OF_AMOUNT:
        return all(
            rc in provider.inventory
            and amount_passes(
                condition, provider.inventory[rc], provider.used.get(rc, 0), amount
            )
            for rc, amount in slot.amounts.items()
        )
    is_suffixed = bool(slot.group.suffix)
    root, of_anchor = model.root(name), model.providers[anchor].aggregates
    return {
        "in_tree": lambda: (
            value in model.providers
            and root == model.root(value)
            and (is_suffixed or root == anchor)
        ),
        "not_member_of": lambda: (
            not provider.aggregates & value and (is_suffixed or not of_anchor & value)
        ),
        "member_of": lambda: bool(model.providers[member].aggregates & value),
        "forbidden": lambda: not provider.traits & value,
        "required": lambda: bool(provider.traits & value),
        "state": lambda: provider.state == 0,
    }[condition]()


def amount_passes(condition, offer, used, amount):
    if condition == "offers":
        return True
    if condition == "min_unit":
        return amount >= offer.min_unit
    if condition == "max_unit":
        return amount <= offer.max_unit
    if condition == "step_size":
        return amount % offer.step_size == 0
    return (used if condition == "room" else 0) + amount <= offer.capacity


def serves(model, slot, steps, anchor):
    """A provider passes all of ``steps``."""
    return any(
        all(passes(model, slot, step, choice, anchor) for step in steps)
        for choice in choices(model, slot, anchor)
    )


def roots_of(model):
    return [name for name, one in model.providers.items() if one.parent is None]


def anchor_steps(question):
    steps = []
    if question.root_required:
        steps.append("root_required")
    if question.root_forbidden:
        steps.append("root_forbidden")
    return steps


def anchor_passes(model, question, step, anchor):
    traits = model.providers[anchor].traits
    if step == "root_required":
        return question.root_required <= traits
    return not question.root_forbidden & traits


def counts(model, question):
    """Return (left, pass, only) of the anchor's steps, and of those of each slot."""
    slots, roots = slots_of(question), roots_of(model)
    of_anchor = anchor_steps(question)
    allowed = {a: model.is_allowed(a, question) for a in roots}
    served = {
        (number, a): serves(model, slot, slot.steps, a)
        for number, slot in enumerate(slots)
        for a in roots
    }
    anchor = []
    for at, step in enumerate(of_anchor):
        others = [one for one in of_anchor if one != step]
        anchor.append(
            (
                sum(
                    all(
                        anchor_passes(model, question, s, a)
                        for s in of_anchor[: at + 1]
                    )
                    for a in roots
                ),
                sum(anchor_passes(model, question, step, a) for a in roots),
                sum(
                    not allowed[a]
                    and all(anchor_passes(model, question, s, a) for s in others)
                    and all(served[number, a] for number in range(len(slots)))
                    for a in roots
                ),
            )
        )
    found = []
    for number, slot in enumerate(slots):
        of_slot = []
        for at, step in enumerate(slot.steps):
            others = slot.steps[:at] + slot.steps[at + 1 :]
            of_slot.append(
                (
                    sum(serves(model, slot, slot.steps[: at + 1], a) for a in roots),
                    sum(serves(model, slot, [step], a) for a in roots),
                    sum(
                        allowed[a]
                        and not served[number, a]
                        and serves(model, slot, others, a)
                        and all(
                            served[other, a]
                            for other in range(len(slots))
                            if other != number
                        )
                        for a in roots
                    ),
                )
            )
        found.append(of_slot)
    return anchor, found


def fits(model, question, nested):
    """Return the number of roots with a candidate."""
    return sum(
        any(
            nested or model.takes_one_per_tree(candidate)
            for candidate in model.candidates_at(question, root)
        )
        for root in roots_of(model)
    )


def emptied(model):
    return type(model)(
        [dataclasses.replace(one, used={}, state=0) for one in model.providers.values()]
    )


def in_service(model):
    return type(model)(
        [dataclasses.replace(one, state=0) for one in model.providers.values()]
    )


def cause(model, question, nested):
    """Return the first cause that holds."""
    if fits(model, question, nested):
        return "fits"
    if is_not_offered(model, question):
        return "not_offered"
    slots, roots = slots_of(question), roots_of(model)

    def can(without, anchor):
        return model.is_allowed(anchor, question) and all(
            serves(model, slot, [s for s in slot.steps if s[0] not in without], anchor)
            for slot in slots
        )

    if not any(can((*UNIT_RULES, "size", "room", "state"), root) for root in roots):
        return "excluded"
    empty = emptied(model)
    if fits(empty, question, nested):
        return "cordoned" if fits(in_service(model), question, nested) else "full"
    loose = copy.deepcopy(question)
    loose.isolate, loose.same_subtree = False, []
    for group in loose.groups:
        if is_collective(group):
            group.required = []
    return "does_not_combine" if fits(empty, loose, True) else "too_large"


def is_not_offered(model, question):
    traits, aggregates, classes = set(), set(), set()
    for one in model.providers.values():
        traits |= one.traits
        aggregates |= one.aggregates
        classes |= one.inventory.keys()
    return not question.root_required <= traits or any(
        not group.resources.keys() <= classes
        or any(not wanted & traits for wanted in group.required)
        or any(not wanted & aggregates for wanted in group.member_of)
        for group in question.groups
    )


def changed(question, nested, changes):
    """Return the question after changes as the document lists them."""
    question = copy.deepcopy(question)
    groups = {group.suffix: group for group in question.groups}
    for change in changes:
        if "rule" in change:
            if change["rule"] == "isolate":
                question.isolate = False
            elif change["rule"] == "same_subtree":
                question.same_subtree = []
            elif change["rule"] == "one_per_tree":
                nested = True
            else:
                assert change["rule"] == "collective_traits"
                groups[""].required = []
        elif change["condition"] in ("root_required", "root_forbidden"):
            setattr(question, change["condition"], frozenset())
        else:
            change_group(groups[change["suffix"]], change)
    if "" in groups and not groups[""].resources:
        question.groups.remove(groups[""])
    return question, nested


def change_group(group, change):
    condition, name = change["condition"], change["resource_class"]
    if "to" in change:
        assert group.resources[name] != change["to"] >= 1
        group.resources[name] = change["to"]
    elif condition == "offers":
        del group.resources[name]
    elif condition == "required":
        group.required = [s for s in group.required if sorted(s) != change["value"]]
    else:
        part = group
        if not group.suffix:
            part = group.by_class.get(name) or dataclasses.replace(group)
            group.by_class[name] = part
        if condition == "member_of":
            part.member_of = [s for s in part.member_of if sorted(s) != change["value"]]
        elif condition == "in_tree":
            part.in_tree = None
        elif condition == "state":
            part.any_state = True
        else:
            setattr(part, condition, frozenset())
