"""Windows in batches: which of them the model computes together. The order depends on the texts alone."""

from collections.abc import Sequence


def plan_batches(texts: Sequence[str], lengths: Sequence[int], *, budget: int) -> list[list[int]]:
    """Group n different texts into batches of at most `budget` tokens, padding counted; return positions in `texts`.

    `lengths` are the tokens of each text, special tokens included. `budget` limits the number of texts in a batch times
    the length of its longest one; a longer text is a batch of its own. The longest texts come first, so that a machine
    with too little memory fails at once. The batches depend on the set of texts, not on their order.

    Examples
    --------
    >>> plan_batches(["a", "b", "c"], [10, 30, 10], budget=30)
    [[1], [0, 2]]
    """
    order = sorted(range(len(texts)), key=lambda i: (-lengths[i], texts[i]))
    batches: list[list[int]] = []
    current: list[int] = []
    for i in order:
        if current and lengths[current[0]] * (len(current) + 1) > budget:
            batches.append(current)
            current = []
        current.append(i)
    if current:
        batches.append(current)
    return batches


def plan_missing(texts: Sequence[str], lengths: Sequence[int], missing: set[int], *, budget: int) -> list[list[int]]:
    """Plan batches for the positions in `missing`, as an uninterrupted run over all texts would have composed them.

    A batch of the whole plan stays as it is if all of its texts are missing: so a run that was interrupted goes on with
    the same batches and ends with the same bytes. What is missing from the other batches (one text of many was edited)
    is planned again.
    """
    batches = plan_batches(texts, lengths, budget=budget)
    kept = [batch for batch in batches if missing.issuperset(batch)]
    rest = sorted(missing.difference(*kept))
    again = plan_batches([texts[i] for i in rest], [lengths[i] for i in rest], budget=budget)
    return kept + [[rest[i] for i in batch] for batch in again]
