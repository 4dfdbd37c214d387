"""Which windows the model computes together. The batches do not depend on the order of the texts."""

from collections.abc import Container, Mapping, Sequence


def plan_batches(texts: Sequence[str], lengths: Sequence[int], *, budget: int) -> list[list[int]]:
    """Group n different texts into batches; return their positions in `texts`.

    `lengths` are the tokens of each text, special tokens included. `budget` limits the tokens of a batch, padding
    included: the number of texts times the length of the longest one. A text longer than that is a batch of its own.
    The longest texts come first, so that a machine with too little memory fails at once. The batches depend on the set
    of texts, not on their order.

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
    """Plan batches for the positions in `missing` as an uninterrupted run over all texts would form them.

    A batch of the whole plan stays the same if all of its texts are missing. So a run that was interrupted continues
    with the same batches and gives the same bytes. The missing texts of other batches (one text of many was edited) are
    grouped again.

    Examples
    --------
    >>> plan_missing(["a", "b", "c"], [10, 30, 10], {0, 2}, budget=30)
    [[0, 2]]
    """
    batches = plan_batches(texts, lengths, budget=budget)
    kept = [batch for batch in batches if missing.issuperset(batch)]
    rest = sorted(missing.difference(*kept))
    again = plan_batches([texts[i] for i in rest], [lengths[i] for i in rest], budget=budget)
    return kept + [[rest[i] for i in batch] for batch in again]


def plan_texts(length_of: Mapping[str, int], done: Container[str], *, budget: int) -> list[list[str]]:
    """Return batches of the texts that are not done, as `plan_missing` forms them; `length_of` is of all texts."""
    texts = sorted(length_of)
    missing = {place for place, text in enumerate(texts) if text not in done}
    batches = plan_missing(texts, [length_of[text] for text in texts], missing, budget=budget)
    return [[texts[place] for place in batch] for batch in batches]
