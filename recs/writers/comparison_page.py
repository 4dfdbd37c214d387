"""A comparison of models as one HTML page that loads nothing and runs no script; texts of items are escaped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from importlib.resources import files

from recs.comparison.result import Comparison, TaskScores
from recs.comparison.tasks import PRIMARY
from recs.comparison.verdicts import Difference
from recs.text.counts import counted
from recs.writers.comparison_text import COSTS, cost

_WIDTH = 220  # of a drawing of intervals, in pixels
_MARKS = {"better": "▲", "worse": "▼", "no difference": "=", "cannot tell": "?"}


def comparison_page(comparison: Comparison) -> str:
    """Return the page: the choice, the scores with the differences from the current contestant, costs, and lists."""
    body = "\n".join(
        [
            *_head(comparison),
            *(line for scores in comparison.scores for line in _task(comparison, scores)),
            *_costs(comparison),
            *_lists(comparison),
            *_notes(comparison),
        ]
    )
    template = files("recs.writers").joinpath("comparison.html").read_text(encoding="utf-8")
    return template.replace("<!-- body -->", body)


def _head(comparison: Comparison) -> Iterator[str]:
    names = comparison.contestants
    yield "<h1>Which model?</h1>"
    yield f'<p class="choice"><strong>Take {escape(comparison.choice.reason)}.</strong></p>'
    yield f"<p>The switch: {escape(comparison.switch)}.</p>"
    what = f"{counted(comparison.items, 'item')} and {counted(len(names), 'contestant')}"
    yield f"<p>{what} were compared. The current one is <strong>{escape(names[0])}</strong>.</p>"


def _task(comparison: Comparison, scores: TaskScores) -> Iterator[str]:
    current = comparison.contestants[0]
    yield f"<h2>{escape(scores.task)}</h2>"
    yield f"<p>{escape(scores.metric)}, judged by {counted(scores.queries, 'query', 'queries')}.</p>"
    yield '<div class="wide"><table><tr><th>contestant</th><th>mean</th><th>against the current one</th><th></th></tr>'
    pairs = {
        name: difference
        for difference in comparison.differences
        if difference.task == scores.task
        for name, other in ((difference.first, difference.second), (difference.second, difference.first))
        if other == current
    }
    reach = max((max(abs(each.low), abs(each.high)) for each in pairs.values()), default=1.0) or 1.0
    for name, mean in scores.means.items():
        chosen = ' class="chosen"' if name == comparison.choice.name else ""
        cells = [f"<th>{escape(name)}</th>", f"<td>{mean.mean:.3f}</td>"]
        if name in pairs:
            cells += [f"<td>{_interval(pairs[name], current, min(reach, 1.0))}</td>"]
            cells += [f"<td>{escape(_says(pairs[name], current))}</td>"]
        else:
            cells += ["<td></td>", "<td></td>"]
        yield f"<tr{chosen}>{''.join(cells)}</tr>"
    yield "</table></div>"
    rest = [each for each in comparison.differences if each.task == scores.task and each not in pairs.values()]
    if rest:
        lines = "".join(f"<li>{escape(each.sentence)}</li>" for each in rest)
        yield f"<details><summary>The other pairs</summary><ul>{lines}</ul></details>"


def _seen_from(difference: Difference, current: str) -> tuple[float, float, float]:
    """Return the mean and the interval of the other contestant less the current one."""
    if difference.first == current:
        return -difference.mean, -difference.high, -difference.low
    return difference.mean, difference.low, difference.high


def _says(difference: Difference, current: str) -> str:
    if difference.verdict == "no difference":
        if not difference.detectable:
            return "= no difference in any query"
        return f"= no difference; {difference.detectable:.3f} or more would show"
    if difference.verdict == "cannot tell":
        return "? cannot tell: too few queries"
    mean, low, high = _seen_from(difference, current)
    verdict = "better" if mean > 0 else "worse"
    return f"{_MARKS[verdict]} {verdict} by {abs(mean):.3f} [{low:+.3f}, {high:+.3f}]"


def _interval(difference: Difference, current: str, reach: float) -> str:
    """Return a drawing of an interval around zero; the words beside it say the same."""
    if difference.verdict == "cannot tell":
        return ""
    middle = _WIDTH / 2
    mean, low, high = (middle + value / reach * (middle - 8) for value in _seen_from(difference, current))
    kind = "up" if mean > middle else "down"
    if difference.verdict == "no difference":
        kind = "no"
    return (
        f'<svg width="{_WIDTH}" height="16" viewBox="0 0 {_WIDTH} 16" aria-hidden="true" class="{kind}">'
        f'<line class="zero" x1="{middle:.1f}" x2="{middle:.1f}" y1="0" y2="16"/>'
        f'<line x1="{low:.1f}" x2="{high:.1f}" y1="8" y2="8"/><circle cx="{mean:.1f}" cy="8" r="4"/></svg>'
    )


def _costs(comparison: Comparison) -> Iterator[str]:
    shown = [(key, head) for key, head in COSTS if any(getattr(each, key) for each in comparison.costs.values())]
    yield "<h2>Costs</h2>"
    heads = "".join(f"<th>{head}</th>" for _, head in shown)
    yield f'<div class="wide"><table><tr><th>contestant</th>{heads}</tr>'
    for name, costs in comparison.costs.items():
        cells = "".join(f"<td>{escape(cost(costs, key))}</td>" for key, _ in shown)
        chosen = ' class="chosen"' if name == comparison.choice.name else ""
        yield f"<tr{chosen}><th>{escape(name)}</th>{cells}</tr>"
    yield "</table></div>"


def _lists(comparison: Comparison) -> Iterator[str]:
    change = comparison.change
    if change is None:
        return
    yield "<h2>What would change</h2>"
    yield (
        f"<p>{change.changed:,} of {counted(change.lists, 'list')} of five differ between {escape(change.before)} and "
        f"{escape(change.after)}; {change.kept:.0%} of the entries stay. Here are the lists that differ most. "
        "★ marks what the author links to.</p>"
    )
    for example in change.examples:
        yield f"<h3>{_title(comparison, example.id)}</h3>"
        yield '<div class="sides">'
        for name, ids in ((change.before, example.before), (change.after, example.after)):
            entries = "".join(_entry(comparison, one, example.linked) for one in ids)
            yield f"<div><p>{escape(name)}</p><ol>{entries}</ol></div>"
        yield "</div>"


def _entry(comparison: Comparison, name: str, linked: Sequence[str]) -> str:
    mark = ' class="linked"' if name in linked else ""
    return f"<li{mark}>{_title(comparison, name)}{' ★' if mark else ''}</li>"


def _title(comparison: Comparison, name: str) -> str:
    return escape(" ".join(comparison.titles.get(name, name).split())[:200])


def _notes(comparison: Comparison) -> Iterator[str]:
    yield "<h2>How this was judged</h2>"
    yield "<ul>"
    yield "<li>All contestants had the same items, the same queries and the same judge.</li>"
    yield "<li>Differences are paired, query by query. The intervals of all pairs of a task hold together at 95 %.</li>"
    yield "<li>“no difference” names the smallest difference that so many queries show in 80 of 100 cases.</li>"
    tasks = ", ".join(PRIMARY)
    yield f"<li>The choice is the cheapest contestant that no other is better than in any of these tasks: {tasks}.</li>"
    yield from (f"<li>{escape(name)} was left out: {escape(why)}</li>" for name, why in comparison.left_out.items())
    yield from (f"<li>{escape(note)}.</li>" for note in comparison.notes)
    yield "</ul>"
