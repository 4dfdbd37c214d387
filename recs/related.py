"""Related lists: for every item the items most like it."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from recs.cache import Cache
from recs.contract import SCHEMA, corpus_digest
from recs.embed import embed_items, find_embedder, open_cache
from recs.embedder import Embedder, Overflow, Progress
from recs.embeddings import Embeddings
from recs.errors import MissingDependencyError, ModelNotFoundError, OptionError, SourceError
from recs.fusion import Float64Array, Fused, Signal, fuse
from recs.items import Collection, Item, Match, ScoreScale
from recs.languages import item_languages, uncovered_note
from recs.readers import Source, read_items
from recs.registry import DEFAULT_MODEL
from recs.rules import DEMOTION, Pick, Rules, Similar, arrange
from recs.signals import SIGNALS, TERM_SIGNALS, centre, make_signals
from recs.tuned import Tuned, pair_features
from recs.why import Explainer

if TYPE_CHECKING:
    import pandas as pd

_log = logging.getLogger(__name__)

CANDIDATES = 50
"""How many of its best each item has rules and `recs tune` choose from."""

_ODDS = 600.0  # see _probability
_TWIN = {"terms": 0.8, "dense": 0.95}  # a similarity from which two items are one text
_TRANSLATION = 0.85  # of vectors, for items in two languages
# Scores this far from those of an earlier run are drift; a newcomer this much better replaces an old match.
_DRIFT, _BETTER = 0.05, 0.01

_SCALES = {
    "cosine": ScoreScale("centred_cosine", (-1.0, 1.0)),
    "dot": ScoreScale("dot", (None, None)),
    "euclidean": ScoreScale("euclidean", (None, 0.0)),
    "terms": ScoreScale("tfidf_cosine", (0.0, 1.0)),
    "mentions": ScoreScale("share_of_title", (0.0, 1.0)),
}
_FUSED_SCALE = ScoreScale("p_linked", (0.0, 1.0))
_TUNED_SCALE = ScoreScale("p_linked_here", (0.0, 1.0))


@dataclass(frozen=True, slots=True, eq=False)
class RelatedLists:
    """The related list of every public item, best first, ties by id.

    Attributes
    ----------
    lists
        By item id, sorted.
    items
        The items that the lists speak of, by id.
    model
        Name, fingerprint, dim and similarity of the model; None where terms alone ranked.
    score
        What a score measures, and its range.
    config, counts
        The options that made the lists; how many items were ranked, left out, cut.
    corpus
        Digest of the public items: see `recs.corpus_digest`.
    notes
        What a person should be told: a model that was not there, a language that it does not cover.
    twins
        Of the items that have any: their near-duplicates and translations, sorted.
    """

    lists: Mapping[str, tuple[Match, ...]]
    items: Mapping[str, Item]
    model: Mapping[str, object] | None
    score: ScoreScale
    config: Mapping[str, object]
    counts: Mapping[str, int]
    corpus: str
    notes: tuple[str, ...] = ()
    twins: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __getitem__(self, item_id: str) -> tuple[Match, ...]:
        return self.lists[item_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self.lists)

    def __len__(self) -> int:
        return len(self.lists)

    def to_frame(self) -> pd.DataFrame:
        """Return one row a match: id, rank (from 1), related_id, title, url, score, via.

        Raises
        ------
        MissingDependencyError
            If pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise MissingDependencyError("to_frame", "pandas", "tables") from error
        rows = [
            (item_id, rank, match.id, self.items[match.id].title, self.items[match.id].url, match.score, match.via)
            for item_id, matches in self.lists.items()
            for rank, match in enumerate(matches, 1)
        ]
        return pd.DataFrame(rows, columns=["id", "rank", "related_id", "title", "url", "score", "via"])


def related_items(
    source: Source | Iterable[Item],
    embeddings: Embeddings | None = None,
    *,
    k: int = 5,
    signals: str | Sequence[str] = "auto",
    rules: Rules | None = None,
    tuned: str | Path | None = None,
    why: bool = False,
    previous: str | Path | None = None,
    embedder: Embedder | str | None = None,
    cache: Cache | bool = True,
    overflow: Overflow = "chunk",
    now: str | date | datetime | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> RelatedLists:
    """Rank, for every public item, the k public items most like it.

    Parameters
    ----------
    source
        Items, or whatever `recs.read_items` reads.
    embeddings
        Vectors of at least the public items; made with `embedder` if left out.
    k
        Entries a list, 0 or more; a list is shorter where fewer items may stand in it.
    signals
        Some of "terms", "mentions", "dense" and "passages", in one string with commas or in a list. One alone ranks by
        its similarity, several are fused. "auto" takes all where a model is installed or all vectors are cached, and
        those of terms, said aloud in `notes`, elsewhere.
    rules
        What to show of the ranking; see `recs.Rules`.
    tuned
        A file that `recs tune` wrote: re-orders the candidates by what the site's own links taught.
    why
        Whether each match says what makes the two related.
    previous
        The result of an earlier run (`recs.related/1`): of items that were not edited since, lists change only where
        something better has come. A file that is not there is none.
    embedder, cache, overflow, progress
        As in `recs.embed_items`; used where `embeddings` is left out.
    now
        The moment that decides what is still scheduled, where `source` has to be read; the present if left out.

    Returns
    -------
    RelatedLists
        Every public item has a list. No item stands in its own list, nor drafts, private or scheduled items in any, nor
        an item in another language than its own, where both are known.

    Raises
    ------
    SourceError, ModelError, EmbeddingError, OptionError

    Notes
    -----
    How signals are fused is told in `recs.fusion`. Time O(n² d) in blocks, memory O(n (d + k)). The result depends on
    the set of items, not on their order.
    """
    if not isinstance(k, int) or k < 0:
        raise OptionError(f"k is {k!r}, expected a number, 0 or more.")
    names = _signal_names(signals)
    rules = rules or Rules()
    collection = source if isinstance(source, Collection) else read_items(source, now=now)
    items = collection.public
    notes: list[str] = []
    with open_cache(cache) as store:
        languages = item_languages(items, store)
        if embeddings is None and not set(names) <= set(TERM_SIGNALS):
            optional = signals == "auto"
            embeddings = _embed(items, embedder, store, notes, optional=optional, overflow=overflow, progress=progress)
        if store is not None and store.problem:
            notes.append(store.problem)
    if embeddings is not None:
        embeddings = embeddings.take([item.id for item in items])
    made = make_signals(items, embeddings, names)
    if not set(names) & {"dense", "passages"}:
        embeddings = None
    if not made and items:
        raise OptionError(f"these items have nothing to make the signals {', '.join(names)} of.")
    used = [signal.name for signal in made]
    notes += _language_notes(languages, embeddings, embedder)
    fused = (
        fuse(made, [item.id for item in items], max(CANDIDATES, k), mask=rules.mask(items, languages)) if made else None
    )
    learned = Tuned.load(Path(tuned)) if tuned is not None else None
    if learned is not None:
        learned.check(used, embeddings.fingerprint if embeddings is not None else "")
    ranking, parts = _ranking(items, fused, used, learned)
    twins = _twins(fused, used, languages, embeddings)
    picks = arrange(items, ranking, twins, k, rules=rules, similar=_similar(made, embeddings))
    if previous is not None:
        picks = _kept(items, picks, ranking, Path(previous), k=k)
    explainer = Explainer(items, made, embeddings) if why else None
    lists = {
        item.id: tuple(_match(items, row, pick, parts, explainer) for pick in picks[row])
        for row, item in enumerate(items)
    }
    alone = used[0] if len(used) == 1 else ""
    scale = _SCALES.get(embeddings.similarity if embeddings is not None and alone else alone, _FUSED_SCALE)
    scale = _TUNED_SCALE if learned is not None else scale
    if previous is not None:
        notes.append(_changes(_previous(Path(previous)), lists))
    return RelatedLists(
        lists=lists,
        items={item.id: item for item in items},
        model=_model(embeddings),
        score=scale,
        config={"k": k, "signals": used, "overflow": overflow, **rules.changed()},
        counts=_counts(collection, items, embeddings, lists, k),
        corpus=corpus_digest((item.id, item_content(item)) for item in items),
        notes=tuple(notes),
        twins={
            items[row].id: tuple(items[other].id for other in sorted(found)) for row, found in enumerate(twins) if found
        },
    )


def item_content(item: Item) -> str:
    """Return what a digest of an item is taken of: whatever an author may edit."""
    return f"{item.title}\n{item.body or item.text}"


def item_digest(item: Item) -> str:
    """Return 16 hexadecimal digits that change when the item is edited."""
    return corpus_digest([(item.id, item_content(item))])[:16]


def _signal_names(signals: str | Sequence[str]) -> tuple[str, ...]:
    asked = signals.split(",") if isinstance(signals, str) else list(signals)
    names = SIGNALS if asked == ["auto"] else tuple(name for name in SIGNALS if name in asked)
    unknown = [name for name in asked if name not in (*SIGNALS, "auto")]
    if unknown or not names:
        raise OptionError(f"signals is {signals!r}, expected auto, or some of {', '.join(SIGNALS)}.")
    return names


def _embed(
    items: Sequence[Item],
    embedder: Embedder | str | None,
    store: Cache | None,
    notes: list[str],
    *,
    optional: bool,
    **options: Any,
) -> Embeddings | None:
    """Embed the items; where `optional`, without a model, say so in the notes and return None."""
    try:
        if embedder is None or isinstance(embedder, str):
            embedder = find_embedder(embedder or DEFAULT_MODEL, store)
        return embed_items(items, embedder, cache=store or False, **options)
    except (ModelNotFoundError, MissingDependencyError) as error:
        if not optional:
            raise
        notes.append(f"ranked by terms alone, without a model: {error}")
        _log.info("%s", notes[-1])
        return None


def _language_notes(
    languages: Sequence[str | None], embeddings: Embeddings | None, embedder: Embedder | str | None
) -> list[str]:
    """Say which languages the model was not trained for."""
    from recs.registry import registry_row

    if embeddings is None:
        return []
    row = registry_row(embeddings.model)[1]
    covered = embedder.spec.languages if isinstance(embedder, Embedder) else row.languages if row else ()
    note = uncovered_note(languages, covered, embeddings.model)
    return [note] if note else []


def _probability(scores: Float64Array) -> Float64Array:
    """Return how likely it is that an author links two items that stand out by so many standard deviations.

    The odds grow with the third power: fitted to 870 posts of five sites (docs/benchmarks.md). A site with links of its
    own can do better: `recs tune`.
    """
    cubes = np.maximum(scores, 0) ** 3
    return np.asarray(np.round(cubes / (cubes + _ODDS), 6))


Ranking = list[list[tuple[int, float]]]


def _ranking(
    items: Sequence[Item], fused: Fused | None, used: Sequence[str], tuned: Tuned | None
) -> tuple[Ranking, dict[tuple[int, int], Float64Array]]:
    """Return the candidates of each row with their scores, best first, and what the signals add to each pair."""
    if fused is None:
        return [], {}
    scores = fused.scores if len(used) == 1 else _probability(fused.scores)
    if tuned is not None:
        scores = tuned.scores(pair_features(items, fused, used))
    ranking: Ranking = []
    parts = {}
    for row, columns in enumerate(fused.indices.tolist()):
        found = [(column, float(score)) for column, score in zip(columns, scores[row], strict=True) if column >= 0]
        if len(used) == 1 and used[0] in TERM_SIGNALS:
            found = [pair for pair in found if pair[1] != 0]  # items that share no term are not related
        parts.update({(row, column): fused.parts[row, place] for place, (column, _) in enumerate(found)})
        ranking.append(sorted(found, key=lambda pair: (-pair[1], pair[0])) if tuned is not None else found)
    return ranking, parts


def _twins(
    fused: Fused | None, used: Sequence[str], languages: Sequence[str | None], embeddings: Embeddings | None
) -> list[set[int]]:
    """Return for each row its near-duplicates and translations among the candidates."""
    twins: list[set[int]] = [set() for _ in languages]
    by = next((name for name in _TWIN if name in used), None)
    if fused is None or by is None:
        return twins
    values = {name: fused.values[:, :, used.index(name)] for name in _TWIN if name in used}
    if "dense" in used and embeddings is not None and embeddings.similarity != "cosine":
        rows = centre(embeddings.vectors)  # the limits are those of cosines
        cosines = [rows[others] @ row for row, others in zip(rows, fused.indices, strict=True)]
        values["dense"] = np.where(fused.indices < 0, np.nan, np.reshape(cosines, fused.indices.shape))
    with np.errstate(invalid="ignore"):
        same = values[by] >= _TWIN[by]
        near = same | (values.get("dense", values[by]) >= _TRANSLATION)
    for row, place in np.argwhere(near).tolist():
        other = int(fused.indices[row, place])
        ours, theirs = languages[row], languages[other]
        if same[row, place] or ("dense" in used and ours and theirs and ours != theirs):
            twins[row].add(other)
            twins[other].add(row)
    return twins


def _similar(made: Sequence[Signal], embeddings: Embeddings | None) -> Similar:
    """Return what tells how alike items are, in [-1, 1] whatever the model's own similarity is."""
    if embeddings is None:
        return lambda a, b: made[0].block(np.array(a), np.array(b))
    rows = centre(embeddings.vectors)
    return lambda a, b: rows[a] @ rows[b].T


def _kept(items: Sequence[Item], picks: list[list[Pick]], ranking: Ranking, path: Path, *, k: int) -> list[list[Pick]]:
    """Return the lists of an earlier run, changed where an item was edited or something better has come."""
    known = _previous(path)
    row_of = {item.id: row for row, item in enumerate(items)}
    same = {item.id for item in items if known.get(item.id, {}).get("digest") == item_digest(item)}
    result = []
    for row, item in enumerate(items):
        old = known.get(item.id, {}).get("related", ())
        kept = [Pick(row_of[e["id"]], float(e["score"]), e["via"]) for e in old if e["id"] in same]
        result.append(_merged(kept, picks[row], dict(ranking[row]), k) if item.id in same else picks[row])
    return result


def _merged(old: Sequence[Pick], new: Sequence[Pick], scores: Mapping[int, float], k: int) -> list[Pick]:
    """Return the old list with what is better of the new one; the new one where editors or drift have moved it."""
    pinned = [pick.row for pick in new if pick.via == "pin"]
    if pinned != [pick.row for pick in old if pick.via == "pin"] or len(old) > k:
        return list(new)
    if any(abs(scores.get(pick.row, -1.0) - pick.score) > _DRIFT for pick in old if pick.via == "auto"):
        return list(new)
    kept = list(old)
    for pick in new:
        score = pick.score * DEMOTION if pick.reasons and pick.via == "auto" else pick.score
        if any(pick.row == one.row for one in kept):
            continue
        weakest = min((one for one in kept if one.via == "auto"), key=lambda one: one.score, default=None)
        if len(kept) >= k:
            if weakest is None or score <= weakest.score + _BETTER:
                continue
            kept.remove(weakest)
        place = next((i for i, one in enumerate(kept) if one.via != "pin" and one.score < score), len(kept))
        kept.insert(place, pick)
    return kept


def _changes(known: Mapping[str, Any], lists: Mapping[str, Sequence[Match]]) -> str:
    """Say how many lists differ from those of an earlier run."""
    before = {name: [entry["id"] for entry in item["related"]] for name, item in known.items()}
    changed = sum(before.get(name) != [match.id for match in matches] for name, matches in lists.items())
    return f"{changed} of {len(lists)} lists are new or changed; {len(set(before) - set(lists))} items are gone"


def _previous(path: Path) -> Mapping[str, Any]:
    """Return the items of an earlier result; none where there is no such file.

    Raises
    ------
    SourceError
        If the file is not a result of `recs related` as JSON.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        entries = [entry for item in document["items"].values() for entry in item["related"]]
        if document["schema"] == SCHEMA and all({"id", "score", "via"} <= set(entry) for entry in entries):
            items: Mapping[str, Any] = document["items"]
            return items
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise SourceError(f"{path}: not a result of recs related as JSON ({error}).") from error
    raise SourceError(f"{path}: not a result of recs related as JSON.")


def _match(
    items: Sequence[Item],
    row: int,
    pick: Pick,
    parts: Mapping[tuple[int, int], Float64Array],
    explainer: Explainer | None,
) -> Match:
    why = None
    if explainer is not None:
        pair = parts.get((row, pick.row), np.zeros(len(explainer.signals)))
        why = explainer.explain(row, pick.row, pick.score, pair)
    return Match(items[pick.row].id, pick.score, pick.via, pick.reasons, why)


def _model(embeddings: Embeddings | None) -> Mapping[str, object] | None:
    if embeddings is None:
        return None
    return {
        "name": embeddings.model,
        "fingerprint": embeddings.fingerprint,
        "dim": embeddings.dim,
        "similarity": embeddings.similarity,
    }


def _counts(
    collection: Collection,
    items: Sequence[Item],
    embeddings: Embeddings | None,
    lists: Mapping[str, tuple[Match, ...]],
    k: int,
) -> dict[str, Any]:
    counts = {
        "items": len(items),
        "closed": len(collection) - len(items),
        "skipped": len(collection.skipped),
        "boilerplate_lines": len(collection.boilerplate),
        "duplicates": len(items) - len({(item.title, item.text) for item in items}),
        "short_lists": sum(len(matches) < k for matches in lists.values()),
    }
    if embeddings is not None and len(embeddings.tokens):
        counts |= {
            "chunks": len(embeddings.chunk_vectors),
            "tokens": int(embeddings.tokens.sum()),
            "tokens_lost": int(embeddings.tokens_lost.sum()),
        }
    return counts


__all__ = ["RelatedLists", "item_content", "item_digest", "related_items"]
