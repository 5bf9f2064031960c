"""One sentence that sums up an analysis."""

from placement.candidates.whatif.model import Answer, Question, Result


def summary(found: Result, question: Question) -> str:
    """Return the answer as a sentence, with the proof if that is a sum."""
    sentence = _of_loss(found) if question.lose else _of_any(found, question.any_count)
    if not found.is_complete:
        sentence += "; the time was used up before everything was looked at"
    return sentence


def _of_loss(found: Result) -> str:
    if not found.consumers:
        return "the lost hosts have no consumers"
    all_of = _consumers(found.consumers)
    if found.answer is Answer.YES:
        return f"all of {all_of} can move to other hosts"
    if found.shortage is not None:
        name = found.classes[found.shortage.class_id]
        return (
            f"of {all_of} not all can move: they need {found.shortage.needed} {name}, "
            f"and the other hosts have {found.shortage.free} of it in usable amounts"
        )
    left = len(found.unplaced)
    if found.answer is Answer.NO:
        return f"of {all_of} not all can move; {left} have no place in the best plan"
    return f"of {all_of} {left} have no place in the best plan; a better one may exist"


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
    return f"not {lost} can be lost; the worst one is {worst}"


def _consumers(count: int) -> str:
    return "1 consumer" if count == 1 else f"{count} consumers"
