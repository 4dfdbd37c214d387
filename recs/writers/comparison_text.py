"""A comparison of models as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from recs.comparison.costs import Costs
from recs.comparison.result import Comparison
from recs.text.counts import counted

COSTS = (
    ("dim", "dim"),
    ("window", "window"),
    ("download_mb", "download MB"),
    ("tokens_per_second", "tokens/s"),
    ("seconds_to_first_vector", "first vector s"),
    ("memory_mb", "memory MB"),
    ("vectors_mb", "vectors MB"),
    ("tokens_lost", "cut"),
    ("languages", "languages"),
    ("minutes", "minutes here"),
    ("price", "price"),
    ("licence", "licence"),
)
"""The costs that a table shows: attributes of `Costs`, and what they are called."""
_SHARES = ("tokens_lost", "languages")
_ENTRIES = 5


def comparison_text(comparison: Comparison) -> str:
    """Return the tables, the verdicts on the current contestant, the choice, and what would change."""
    return "\n".join(_lines(comparison)) + "\n"


def _lines(comparison: Comparison) -> Iterator[str]:
    names = comparison.contestants
    yield f"{counted(comparison.items, 'item')}, {counted(len(names), 'contestant')}; the current one is {names[0]}"
    heads = ["", *(each.task for each in comparison.scores)]
    rows = [
        ["", *(each.metric for each in comparison.scores)],
        ["queries", *(f"{each.queries:,}" for each in comparison.scores)],
    ]
    for name in names:
        means = [each.means.get(name) for each in comparison.scores]
        rows.append([name, *("-" if mean is None else f"{mean.mean:.3f}" for mean in means)])
    if comparison.scores:
        yield from ["", *_table(heads, rows)]
    shown = [(key, head) for key, head in COSTS if any(getattr(each, key) for each in comparison.costs.values())]
    costs = [[name, *(cost(comparison.costs[name], key) for key, _ in shown)] for name in names]
    yield from ["", *_table(["", *(head for _, head in shown)], costs)]
    yield ""
    yield from (each.sentence for each in comparison.differences if names[0] in (each.first, each.second))
    yield from ["", f"take {comparison.choice.reason}", comparison.switch]
    yield from _changed(comparison)
    yield from (f"left out: {name}: {reason}" for name, reason in comparison.left_out.items())
    yield from (f"note: {note}" for note in comparison.notes)


def _changed(comparison: Comparison) -> Iterator[str]:
    change = comparison.change
    if change is None:
        return
    yield (
        f"from {change.before} to {change.after}, {change.changed:,} of {counted(change.lists, 'list')} of five "
        f"differ; {change.kept:.0%} of the entries stay"
    )
    for example in change.examples:
        yield f"  {_title(comparison, example.id)}"
        for place in range(_ENTRIES):
            sides = (example.before, example.after)
            cells = [_cell(comparison, ids[place], example.linked) if place < len(ids) else "" for ids in sides]
            yield f"    {cells[0]:<50}  {cells[1]}".rstrip()


def _title(comparison: Comparison, name: str) -> str:
    return " ".join(comparison.titles.get(name, name).split())


def _cell(comparison: Comparison, name: str, linked: Sequence[str]) -> str:
    return f"{'*' if name in linked else ' '} {_title(comparison, name)}"[:50]


def cost(costs: Costs, key: str) -> str:
    """Return one cost as text; "-" if it is not known.

    Examples
    --------
    >>> cost(Costs(tokens_lost=0.031), "tokens_lost"), cost(Costs(memory_mb=836.2), "memory_mb"), cost(Costs(), "dim")
    ('3 %', '836', '-')
    """
    value = getattr(costs, key)
    if value is None:
        return "-"
    if isinstance(value, str):
        return value
    if key in _SHARES:
        return f"{value:.0%}".replace("%", " %")
    if key == "price":
        return f"{value:.4f}"
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.2f}"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return lines with columns of equal width, the first one flush left."""
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    lines = []
    for row in (heads, *rows):
        first = f"{row[0]:<{widths[0]}}"
        lines.append("  ".join([first, *(f"{cell:>{width}}" for cell, width in zip(row[1:], widths[1:], strict=True))]))
    return [line.rstrip() for line in lines]
