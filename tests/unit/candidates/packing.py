"""How many consumers fit, by trying every way to place them in a model."""


class TooManyWaysError(Exception):
    """The world is too large for this."""


def most(model, question, nested=True, roots=None, states_max=20_000):
    """Return the largest number of consumers that fit at the same time.

    Each holds one candidate of the model. ``roots`` are the anchors that count; None:
    all of them.
    """
    anchors = [name for name, one in model.providers.items() if one.parent is None]
    takes = {
        frozenset(amounts)
        for anchor in anchors
        if roots is None or anchor in roots
        for amounts, mappings in model.candidates_at(question, anchor)
        if nested or model.takes_one_per_tree((amounts, mappings))
    }
    keys = sorted({(name, of) for take in takes for name, of, _ in take})
    vectors = {
        tuple({(n, c): a for n, c, a in take}.get(key, 0) for key in keys)
        for take in takes
    }
    minimal = [
        one
        for one in vectors
        if not any(
            other != one and all(a <= b for a, b in zip(other, one, strict=True))
            for other in vectors
        )
    ]
    free = tuple(
        int(model.providers[name].inventory[of].capacity)
        - model.providers[name].used.get(of, 0)
        for name, of in keys
    )
    return _packed(sorted(minimal), free, states_max)


def _packed(vectors, free, states_max):
    """Return the most vectors, repeated at will, whose sum is within ``free``."""
    known = {}

    def best(index, left):
        if index == len(vectors):
            return 0
        key = (index, left)
        if key not in known:
            if len(known) > states_max:
                raise TooManyWaysError
            vector = vectors[index]
            times = min(f // v for f, v in zip(left, vector, strict=True) if v)
            known[key] = max(
                count
                + best(
                    index + 1,
                    tuple(f - count * v for f, v in zip(left, vector, strict=True)),
                )
                for count in range(times + 1)
            )
        return known[key]

    return best(0, free)


def emptied(providers):
    """Return the providers without allocations."""
    return [
        type(one)(**{**vars(one), "used": dict.fromkeys(one.used, 0)})
        for one in providers
    ]
