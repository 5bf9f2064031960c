"""One sentence that sums up an explanation."""

from placement import excerpt
from placement.candidates.explain.changes import Change, Kind, To
from placement.candidates.explain.explanation import Explanation
from placement.candidates.explain.states import SlotStates, Step
from placement.candidates.explain.survey import sole_slot
from placement.candidates.explain.words import Words
from placement.candidates.solve import combine

_SENTENCES = {
    "excluded": "no host passes all of the conditions that are not on amounts",
    "too_large": "no host is large enough, even if it were empty",
    "does_not_combine": "no host can serve all groups together, even if it were empty",
    "cordoned": "every host that could serve the request now is not in service",
    "full": "every host that is large enough lacks room",
}

# The condition that a cause is about.
_CONDITIONS = {"cordoned": "state", "full": "room"}


def summary(explanation: Explanation, words: Words) -> str:
    """Return what keeps most hosts from serving the request."""
    survey = explanation.survey
    if survey.fits:
        return f"{_hosts(survey.fits)} of {survey.roots} can serve the request"
    if explanation.cause == "not_offered":
        return _not_offered(explanation, words)
    sentence = _SENTENCES[explanation.cause]
    counts = {
        rule: survey.number_of(survey.by_rule.get(rule, ())) for rule in survey.rules
    }
    failing = {rule: number for rule, number in counts.items() if number}
    if failing:
        rules = " or ".join(
            rule if len(failing) == 1 else f"{rule} ({_hosts(number)})"
            for rule, number in failing.items()
        )
        return (
            f"{sentence}; {_hosts(sum(failing.values()))} can serve each slot alone, "
            f"and {rules} leaves no candidate"
        )
    return _lacking(explanation, words) or sentence


def best_relaxation(explanation: Explanation, words: Words) -> str:
    """Return the first relaxation in words."""
    if not explanation.relaxations:
        complete = explanation.is_complete
        return "no small change helps" if complete else "no change was found in time"
    relaxation = explanation.relaxations[0]
    changes = [
        _change(explanation, words, change, relaxation.amounts.get(change))
        for change in relaxation.changes
    ]
    number = relaxation.roots
    return f"{_hosts(number)} can serve it {' and '.join(changes)}"


def _change(
    explanation: Explanation, words: Words, change: Change, to: To | None
) -> str:
    states = explanation.survey.states
    if change.kind is Kind.RULE:
        return f"without {list(combine.RULES)[change.at]}"
    if change.kind is Kind.ANCHOR:
        name = states.anchor_steps[change.at][0].name
        return f"without {name}={excerpt.of_text(','.join(words.anchor_value(name)))}"
    slot = states.slots[change.slot]
    if to is not None:
        name = words.resource_class(change.at) or ""
        asked = dict(slot.slot.amounts)[change.at]
        return f"with {name}:{to.amount} instead of {asked}"
    if change.kind is Kind.NO_CLASS:
        return f"without {words.resource_class(change.at)}"
    step = slot.steps[change.at]
    value = excerpt.of_text(",".join(words.value(slot.slot, step)))
    return f"without {step.condition.name}={value} for {words.slot(slot.slot)}"


def _lacking(explanation: Explanation, words: Words) -> str | None:
    lacking = _lacking_one(explanation)
    if lacking is None:
        return None
    number, slot, step = lacking
    if slot is None:
        return f"{_hosts(number)} fail{_s(number)} only the traits of the root"
    if step.condition.name == "state":
        verb = "is" if number == 1 else "are"
        return (
            f"{_hosts(number)} {verb} not in service, and lack{_s(number)} nothing else"
        )
    if step.is_of_amount:
        lack = f"{_hosts(number)} lack{_s(number)} only"
        return _lacking_amount(explanation, words, lack, slot, step)
    value = excerpt.of_text(",".join(words.value(slot.slot, step)))
    return (
        f"{_hosts(number)} fail{_s(number)} only {step.condition.name}={value} "
        f"for {words.slot(slot.slot)}"
    )


def _lacking_amount(
    explanation: Explanation,
    words: Words,
    lack: str,
    slot: SlotStates,
    step: Step,
) -> str:
    most: dict[int, int] = {}
    at = slot.slot.index
    # Other roots, which lack something else, too, may have more free.
    lacking = [
        roots.state
        for roots in explanation.survey.by_state.values()
        if sole_slot(roots.state) == at
    ]
    for state in lacking:
        for way in state.slots[at]:
            if way.failing == step.bit:
                for fix in way.fixes:
                    most[fix.class_id] = max(most.get(fix.class_id, 0), fix.less or 0)
    names = [words.resource_class(class_id) or "" for class_id in sorted(most)]
    lack = f"{lack} {' or '.join(names)}"
    if step.condition.name != "room":
        return f"{lack}, because of {step.condition.name}"
    if len(most) != 1:
        return lack
    (amount,) = most.values()
    return f"{lack}; the most that any of them has free is {amount}"


def _lacking_one(
    explanation: Explanation,
) -> "tuple[int, SlotStates | None, Step] | None":
    """Return the condition that is the only one to fail at most roots.

    If the cause is about one condition, others do not count.
    """
    states, counts = explanation.survey.states, explanation.counts
    name = _CONDITIONS.get(explanation.cause)
    found = [
        (count.only, slot, step)
        for slot, of_slot in zip(states.slots, counts.slots, strict=True)
        for step, count in zip(slot.steps, of_slot, strict=True)
        if name is None or step.condition.name == name
    ]
    best = max(found, key=lambda each: each[0], default=None)
    of_anchor = counts.anchor if name is None else ()
    anchor = max((count.only for count in of_anchor), default=0)
    if best is not None and best[0] >= max(1, anchor):
        return best
    if anchor and best is not None:
        return anchor, None, best[2]
    return None


def _not_offered(explanation: Explanation, words: Words) -> str:
    states, counts = explanation.survey.states, explanation.counts
    for class_id in sorted(explanation.survey.no_offer):
        return f"no provider offers {words.resource_class(class_id)}"
    for slot, of_slot in zip(states.slots, counts.slots, strict=True):
        for step, count in zip(slot.steps, of_slot, strict=True):
            if not count.passing and not step.is_of_amount:
                value = excerpt.of_text(",".join(words.value(slot.slot, step)))
                return f"no provider passes {step.condition.name}={value}"
    groups = zip(
        explanation.request.groups, explanation.survey.plan.groups, strict=True
    )
    for asked, group in groups:
        for names, bits in zip(asked.required, group.required_bits, strict=True):
            if bits in explanation.survey.no_traits:
                return f"no provider has the trait {' or '.join(sorted(names))}"
    traits = excerpt.of_text(" and ".join(words.anchor_value("root_required")))
    return f"no provider has the traits {traits}"


def _hosts(number: int) -> str:
    return "1 host" if number == 1 else f"{number} hosts"


def _s(number: int) -> str:
    return "s" if number == 1 else ""
