"""Windows in batches: which texts are computed together, in an order that depends on them alone."""

from collections.abc import Sequence


def plan_batches(texts: Sequence[str], lengths: Sequence[int], *, budget: int) -> list[list[int]]:
    """Group n different texts into batches of at most `budget` tokens, padding counted; return positions in `texts`.

    `lengths` are the tokens of each text, special tokens included, `budget` the largest number of texts in a batch
    times the length of its longest; a text longer than that is a batch alone. Longest texts first, so that a machine
    with too little memory shows it at once. The batches depend on the set of texts, not on their order.
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

    A batch of the whole plan of which nothing is known yet is kept as it is: a run that was interrupted after some of
    its batches goes on with the very same ones, and ends with the same bytes. What is missing from the other batches
    (one text of many was edited) is planned anew.
    """
    batches = plan_batches(texts, lengths, budget=budget)
    kept = [batch for batch in batches if missing.issuperset(batch)]
    rest = sorted(missing.difference(*kept))
    again = plan_batches([texts[i] for i in rest], [lengths[i] for i in rest], budget=budget)
    return kept + [[rest[i] for i in batch] for batch in again]
