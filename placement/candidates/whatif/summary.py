"""One sentence that sums up an analysis."""

from placement.candidates.whatif.model import Answer, Question, Result

# What every analysis leaves open.
NOTE = (
    "Placement knows the amounts that consumers hold, and not what they had asked for, "
    "such as traits, aggregates and groups."
)


def summary(found: Result, question: Question) -> str:
    """Return the answer as a sentence, with the proof if that is a sum."""
    sentence = _of_loss(found) if question.lose else _of_any(found, question.any_count)
    if not found.is_complete:
        sentence += "; the time was used up before everything was looked at"
    return sentence


def _of_loss(found: Result) -> str:
    count, left = found.consumers, len(found.unplaced)
    if not count:
        return "the lost hosts have no consumers"
    if found.answer is Answer.YES:
        return (
            "the only consumer can move to another host"
            if count == 1
            else f"all {count} consumers can move to other hosts"
        )
    refused = (
        "the only consumer cannot move"
        if count == 1
        else f"not all {count} consumers can move"
    )
    if found.shortage is not None:
        name = found.classes[found.shortage.class_id]
        return (
            f"{refused}: {found.shortage.needed} {name} are needed, and the other "
            f"hosts have {found.shortage.free} of it in usable amounts"
        )
    unplaced = (
        "the only consumer has"
        if count == 1
        else f"{left} of {count} consumers {'has' if left == 1 else 'have'}"
    )
    if found.answer is Answer.NO:
        return (
            refused
            if count == 1
            else f"{refused}; {unplaced} no place in the best plan"
        )
    return f"{unplaced} no place in the best plan; a better one may exist"


def _of_any(found: Result, count: int) -> str:
    lost = "any host" if count == 1 else f"any {count} hosts"
    if not found.worst:
        return "the hosts have no consumers"
    worst = found.roots[found.worst[0].root_id][1]
    if found.answer is Answer.YES:
        return f"{lost} can be lost: all consumers can move to other hosts"
    if found.answer is Answer.UNKNOWN:
        return f"it is unknown whether {lost} can be lost; the worst host is {worst}"
    if count == 1:
        return f"not every host can be lost; the worst one is {worst}"
    return f"some {count} hosts cannot be lost together; the worst one is {worst}"
