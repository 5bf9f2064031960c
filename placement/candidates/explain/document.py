"""The document of an explanation."""

import typing

from placement.candidates.explain.changes import Change, Kind
from placement.candidates.explain.explanation import Explanation
from placement.candidates.explain.nearest import Failure, NearRoot
from placement.candidates.explain.relax import Relaxation
from placement.candidates.explain.states import Step
from placement.candidates.explain.summary import summary
from placement.candidates.explain.survey import StepCount
from placement.candidates.explain.words import Words
from placement.candidates.solve import combine

_Json = dict[str, typing.Any]


def document(explanation: Explanation) -> _Json:
    """Return the document, with names and uuids for ids."""
    return _Document(explanation).render()


class _Document:
    def __init__(self, explanation: Explanation) -> None:
        self._explanation = explanation
        self._survey = explanation.survey
        self._words = Words(explanation.request, explanation.ids, self._survey)

    def render(self) -> _Json:
        explanation, survey = self._explanation, self._survey
        roots_by_rule = {
            rule: survey.number_of(survey.by_rule.get(rule, ()))
            for rule in survey.rules
        }
        return {
            "fits": survey.fits,
            "cause": explanation.cause,
            "complete": explanation.is_complete,
            "roots": survey.roots,
            "summary": summary(explanation, self._words),
            "anchor": [
                {
                    "condition": condition.name,
                    "value": self._words.anchor_value(condition.name),
                    **_counts(count),
                }
                for (condition, _), count in zip(
                    survey.states.anchor_steps, explanation.counts.anchor, strict=True
                )
            ],
            "groups": [self._group(at) for at in range(len(survey.states.slots))],
            "combine": [
                {"rule": rule, "roots": roots} for rule, roots in roots_by_rule.items()
            ],
            "nearest": [self._near(each) for each in explanation.near],
            "relax": [self._relaxation(each) for each in explanation.relaxations],
        }

    def _group(self, at: int) -> _Json:
        slot = self._survey.states.slots[at]
        group = slot.slot.group
        body: _Json = {"suffix": group.suffix}
        amounts = self._words.amounts(slot.slot)
        if group.is_spread:
            ((name, amount),) = amounts.items()
            body |= {"resource_class": name, "amount": amount}
        else:
            body |= {"resource_class": None, "resources": amounts}
        body["steps"] = [
            {**self._step(at, step), **_counts(count)}
            for step, count in zip(
                slot.steps, self._explanation.counts.slots[at], strict=True
            )
            # Usually all roots are in service.
            if step.condition.name != "state" or count.passing < self._survey.roots
        ]
        return body

    def _step(self, at: int, step: Step) -> _Json:
        body: _Json = {"condition": step.condition.name}
        if not step.is_of_amount:
            body["value"] = self._words.value(self._survey.plan.slots[at], step)
        return body

    def _near(self, near: NearRoot) -> _Json:
        failed = [self._failure(each) for each in near.failures]
        if near.rule is not None:
            failed.append({"rule": near.rule})
        return {
            "root": near.root.uuid,
            "name": self._explanation.names[near.root.id],
            "failed": failed,
        }

    def _failure(self, failure: Failure) -> _Json:
        if failure.slot is None:
            name = self._survey.states.anchor_steps[failure.step][0].name
            return {
                "condition": name,
                "value": self._words.anchor_value(name),
                "provider": failure.provider.uuid,
            }
        slot = self._survey.states.slots[failure.slot]
        step = slot.steps[failure.step]
        group = slot.slot.group
        class_id = failure.class_id
        if class_id is None and group.is_spread:
            class_id = slot.slot.amounts[0][0]
        body: _Json = {
            "suffix": group.suffix,
            "resource_class": self._words.resource_class(class_id),
            **self._step(failure.slot, step),
            "provider": failure.provider.uuid,
        }
        if failure.class_id is None:
            return body
        asked = dict(slot.slot.amounts)[failure.class_id]
        offer = failure.provider.offers.get(failure.class_id)
        body["asked"] = asked
        if offer is None:
            return body
        body |= {"used": offer.used, "capacity": offer.capacity, "free": offer.free}
        match step.condition.name:
            case "room":
                body["short"] = asked - offer.free
            case "size":
                body["short"] = asked - offer.capacity
            case unit_rule:
                body[unit_rule] = getattr(offer, unit_rule)
        return body

    def _relaxation(self, relaxation: Relaxation) -> _Json:
        return {
            "change": [
                self._change(change, relaxation) for change in relaxation.changes
            ],
            "roots": relaxation.roots,
            "verified": True,
        }

    def _change(self, change: Change, relaxation: Relaxation) -> _Json:
        if change.kind is Kind.RULE:
            return {"rule": list(combine.RULES)[change.at]}
        if change.kind is Kind.ANCHOR:
            name = self._survey.states.anchor_steps[change.at][0].name
            return {"condition": name, "value": self._words.anchor_value(name)}
        slot = self._survey.plan.slots[change.slot]
        body: _Json = {"suffix": slot.group.suffix, "resource_class": None}
        if change.kind is Kind.DROP:
            if slot.group.is_spread:
                body["resource_class"] = self._words.resource_class(slot.amounts[0][0])
            step = self._survey.states.slots[change.slot].steps[change.at]
            return body | self._step(change.slot, step)
        body["resource_class"] = self._words.resource_class(change.at)
        if change.kind is Kind.NO_CLASS:
            return body | {"condition": "offers"}
        to = relaxation.amounts[change]
        return body | {"condition": to.name, "to": to.amount}


def _counts(count: StepCount) -> _Json:
    return {"left": count.left, "pass": count.passing, "only": count.only}
