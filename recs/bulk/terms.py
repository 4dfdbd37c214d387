"""Terms of a large collection: counted shard by shard, then weighed with the counts of all shards.

Counts of different texts are added, so they depend neither on the order of the items nor on the shards. The weights are
those of `recs.ranking.terms.item_terms` of all items, to the last bit.

    texts → digests of their lines            ⇒ which lines are repeated
          → terms, without these lines        ⇒ which texts are equal
          → counts of terms                   ⇒ in how many texts each term is
          → weights as sparse rows
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from recs.arrays import BoolArray, IntArray
from recs.bulk.folder import ArrayFolder, list_column, lists_of
from recs.bulk.shards import Runner, map_shards, read_shard
from recs.bulk.store import Part, StoredTexts
from recs.ranking.terms import (
    LINE_TEXTS,
    LINE_WORDS,
    MIN_DOCUMENTS,
    SMALL_COLLECTION,
    TermCounts,
    connecting_weights,
    is_telling,
    shares_of_titles,
)
from recs.text.boilerplate import without_lines
from recs.text.term_numbers import TermArray, TermNumbers, digests
from recs.text.words import tokenize

if TYPE_CHECKING:
    import pyarrow as pa

_TERMS_AT_ONCE = 40_000_000  # entries of the counts of all shards that are merged at a time: some 2 GB


def weigh_texts(parts: Sequence[Part], arrays: ArrayFolder, *, runner: Runner) -> None:
    """Write the weights of the terms of all items as the sparse rows "terms", "present" and "titles"."""
    folder = arrays.path
    lines = map_shards(line_digests, [part.path for part in parts], folder / "lines", runner=runner)
    arrays.save("repeated", _repeated(lines))
    texts = [(part.path, arrays) for part in parts]
    terms = map_shards(text_terms, texts, folder / "text-terms", runner=runner)
    is_first = _first_of_equal(terms)
    arrays.save("is_first", is_first)
    shards = [(path, part, arrays) for path, part in zip(terms, parts, strict=True)]
    _merge(map_shards(term_counts, shards, folder / "counts", runner=runner), int(is_first.sum()), arrays)
    arrays.save("title_terms", _title_terms(terms, arrays))
    weights = map_shards(text_weights, shards, folder / "weights", runner=runner)
    shape = (len(is_first), len(arrays.read("vocabulary")))
    for name in ("terms", "present", "titles"):
        _write_rows(weights, name, shape, arrays)


def line_digests(path: Path) -> pa.Table:
    """Return the digests of each different text of a shard and of its lines, as `recs.text.boilerplate` folds them."""
    import pyarrow as pa

    stored = StoredTexts.read(path)
    texts = sorted({part for pair in zip(*_parts(stored), strict=True) for part in pair})
    lines = [sorted({" ".join(line.split()) for line in text.split("\n")} - {""}) for text in texts]
    ends = np.cumsum([0, *map(len, lines)])
    digests_of_lines = digests(line for of_text in lines for line in of_text)
    return pa.table({"text": pa.array(digests(texts)), "lines": list_column(digests_of_lines, ends)})


def _parts(stored: StoredTexts) -> tuple[list[str], list[str]]:
    """Return what was written of each text, and its transcript."""
    pairs = list(zip(stored.texts, stored.written, strict=True))
    return [text[:place] for text, place in pairs], [text[place:] for text, place in pairs]


def _repeated(paths: Sequence[Path]) -> TermArray:
    """Return the digests of the lines that at least three different texts hold, sorted."""
    texts = [read_shard(path, ["text"])["text"].to_numpy() for path in paths]
    is_first = _is_first(np.concatenate([np.zeros(0, np.uint64), *texts]))
    start = 0
    lines = [np.zeros(0, np.uint64)]
    for path, of_shard in zip(paths, texts, strict=True):
        values, ends = lists_of(read_shard(path, ["lines"])["lines"])
        keep = np.repeat(is_first[start : start + len(of_shard)], np.diff(ends))
        lines.append(values[keep])
        start += len(of_shard)
    unique, counts = np.unique(np.concatenate(lines), return_counts=True)
    return np.asarray(unique[counts >= LINE_TEXTS])


def _is_first(values: TermArray) -> BoolArray:
    """Return which values are the first of their kind."""
    is_first = np.zeros(len(values), np.bool_)
    is_first[np.unique(values, return_index=True)[1]] = True
    return is_first


def text_terms(shard: tuple[Path, ArrayFolder]) -> pa.Table:
    """Return the terms of the items of a shard, without those of repeated lines, and a digest of each item's text."""
    import pyarrow as pa

    path, arrays = shard
    stored = StoredTexts.read(path)
    parts, transcripts = _without_repeated(_parts(stored), arrays.read("repeated"))
    whole_texts = [f"{title}\n{part}" for title, part in zip(stored.titles, parts, strict=True)]
    numbers = TermNumbers()
    said = numbers.of(transcripts, least_pairs=2)
    both = (f"{text}\0{transcript}" for text, transcript in zip(whole_texts, transcripts, strict=True))
    columns: dict[str, Any] = {"text": pa.array(digests(both))}
    for name, terms in {"own": numbers.of(whole_texts), "said": said, "title": numbers.of(stored.titles)}.items():
        columns[name] = list_column(np.concatenate(terms), np.cumsum([0, *map(len, terms)]))
    return pa.table(columns)


def _without_repeated(groups: Sequence[Sequence[str]], repeated: TermArray) -> list[list[str]]:
    """Return groups of texts without the lines of these digests that have some words."""
    lines = sorted({" ".join(line.split()) for texts in groups for text in texts for line in text.split("\n")})
    is_repeated = np.isin(digests(lines), repeated) if len(repeated) else np.zeros(len(lines), np.bool_)
    common = {lines[place] for place in np.flatnonzero(is_repeated) if len(tokenize(lines[place])) >= LINE_WORDS}
    return [[without_lines(text, common)[0] for text in texts] for texts in groups]


def _first_of_equal(paths: Sequence[Path]) -> BoolArray:
    """Return for each item whether it is the first with its text."""
    texts = [read_shard(path, ["text"])["text"].to_numpy() for path in paths]
    return _is_first(np.concatenate([np.zeros(0, np.uint64), *texts]))


def term_counts(shard: tuple[Path, Part, ArrayFolder]) -> pa.Table:
    """Return in how many different texts and in how many items of a shard each of its terms is; sorted by term."""
    import pyarrow as pa

    path, part, arrays = shard
    own, said, _ = _terms_of(path)
    of_items = [np.unique(np.concatenate(both)) for both in zip(own, said, strict=True)]
    terms, places = np.unique(np.concatenate([np.zeros(0, np.uint64), *of_items]), return_inverse=True)
    is_first = np.repeat(arrays.read("is_first")[part.start : part.stop], list(map(len, of_items)))
    documents = np.bincount(places, is_first, minlength=len(terms)).astype(np.int32)
    items = np.bincount(places, minlength=len(terms)).astype(np.int32)
    return pa.table({"term": pa.array(terms), "documents": pa.array(documents), "items": pa.array(items)})


def _terms_of(path: Path) -> tuple[list[TermArray], list[TermArray], list[TermArray]]:
    """Return the terms of each item of a shard: those written, those said, those of the title."""
    table = read_shard(path, ["own", "said", "title"])
    lists = []
    for name in ("own", "said", "title"):
        values, ends = lists_of(table[name])
        lists.append([values[start:stop] for start, stop in pairwise(ends.tolist())])
    return lists[0], lists[1], lists[2]


def _merge(paths: Sequence[Path], distinct: int, arrays: ArrayFolder) -> None:
    """Add the counts of all shards; write those terms of which more is known than that one text has them."""
    least = MIN_DOCUMENTS if distinct >= SMALL_COLLECTION else 1
    parts = [
        (terms[items >= least], documents[items >= least], items[items >= least])
        for terms, documents, items in _merged(paths)
    ]
    terms = np.concatenate([np.zeros(0, np.uint64), *(part[0] for part in parts)])
    arrays.save("vocabulary", terms)
    arrays.save("documents", np.concatenate([np.zeros(0, np.int64), *(part[1] for part in parts)]))
    arrays.save("items", np.concatenate([np.zeros(0, np.int64), *(part[2] for part in parts)]))
    arrays.save("distinct", np.array([distinct]))


def _merged(paths: Sequence[Path]) -> Iterator[tuple[TermArray, IntArray, IntArray]]:
    """Yield terms and their counts in all shards, in ranges of ascending terms that fit into memory."""
    import pyarrow.parquet as pq

    entries = sum(pq.ParquetFile(path).metadata.num_rows for path in paths)
    ranges = 1 + entries // _TERMS_AT_ONCE
    for low, high in pairwise(2**64 * number // ranges for number in range(ranges + 1)):
        pieces = [_slice(path, low, high) for path in paths]
        if pieces:
            terms, documents, items = (np.concatenate(column) for column in zip(*pieces, strict=True))
            unique, places = np.unique(terms, return_inverse=True)
            in_texts, in_items = (np.bincount(places, counts, minlength=len(unique)) for counts in (documents, items))
            yield unique, in_texts.astype(np.int64), in_items.astype(np.int64)


def _slice(path: Path, low: int, high: int) -> list[Any]:
    """Return the terms of a shard from `low` to below `high`, and their counts."""
    table = read_shard(path)
    columns = [table[name].to_numpy() for name in ("term", "documents", "items")]
    start = int(np.searchsorted(columns[0], np.uint64(low)))
    stop = int(np.searchsorted(columns[0], np.uint64(high - 1), side="right"))
    return [column[start:stop] for column in columns]


@dataclass(frozen=True, slots=True, eq=False)
class _Statistics:
    """In how many different texts and items of the collection each term of a shard is."""

    distinct: int
    documents: IntArray
    items: IntArray

    @classmethod
    def of(cls, terms: TermArray, arrays: ArrayFolder) -> _Statistics:
        vocabulary = arrays.read("vocabulary")
        places = np.searchsorted(vocabulary, terms)
        is_there = places < len(vocabulary)
        is_there[is_there] = vocabulary[places[is_there]] == terms[is_there]
        counts = []
        for name in ("documents", "items"):
            of_terms = np.ones(len(terms), np.int64)  # a term that is not there is in one item
            of_terms[is_there] = arrays.read(name)[places[is_there]]
            counts.append(of_terms)
        return cls(int(arrays.read("distinct")[0]), counts[0], counts[1])


def _title_terms(paths: Sequence[Path], arrays: ArrayFolder) -> TermArray:
    """Return the terms of titles that tell texts apart and that two items have, sorted."""
    of_shards = [np.unique(lists_of(read_shard(path, ["title"])["title"])[0]) for path in paths]
    terms = np.unique(np.concatenate([np.zeros(0, np.uint64), *of_shards]))
    statistics = _Statistics.of(terms, arrays)
    telling = is_telling(statistics.documents, statistics.distinct)
    return np.asarray(terms[telling & (statistics.items >= MIN_DOCUMENTS)])


def text_weights(shard: tuple[Path, Part, ArrayFolder]) -> pa.Table:
    """Return the weights of the terms of each item of a shard, and of the terms of titles, as lists of columns."""
    path, _, arrays = shard
    own, said, titles = _terms_of(path)
    counts = TermCounts(np.arange(len(own)), [np.concatenate(both) for both in zip(own, said, strict=True)])
    _count_in_all(counts, arrays)
    present, columns = counts.select(np.isin(counts.terms, arrays.read("title_terms")))
    present.data[:] = 1
    rows = {"terms": connecting_weights(counts, own, said), "present": (present, columns)}
    rows["titles"] = (shares_of_titles(titles, counts)[:, columns], columns)
    return _row_table(rows, np.searchsorted(arrays.read("vocabulary"), counts.terms))


def _count_in_all(counts: TermCounts, arrays: ArrayFolder) -> None:
    """Replace what the texts of a shard say of its terms by what those of all shards say."""
    statistics = _Statistics.of(counts.terms, arrays)
    counts.distinct = statistics.distinct
    counts.documents = statistics.documents
    counts.shared = statistics.items >= MIN_DOCUMENTS


def _row_table(rows: dict[str, tuple[Any, IntArray]], places: IntArray) -> pa.Table:
    """Return sparse rows as lists of columns and of values; `places` are those of the terms in the vocabulary."""
    import pyarrow as pa

    table = {}
    for name, (matrix, columns) in rows.items():
        matrix.sort_indices()
        table[f"{name}.columns"] = list_column(places[columns][matrix.indices].astype(np.int32), matrix.indptr)
        table[f"{name}.values"] = list_column(matrix.data, matrix.indptr)
    return pa.table(table)


def _write_rows(paths: Sequence[Path], name: str, shape: tuple[int, int], arrays: ArrayFolder) -> None:
    """Write the sparse rows of all shards, and their columns as rows."""
    ends = [np.zeros(1, np.int64)]
    for path in paths:
        of_shard = lists_of(read_shard(path, [f"{name}.columns"])[f"{name}.columns"])[1]
        ends.append(of_shard[1:] + ends[-1][-1])
    indptr = np.concatenate(ends)
    for part, column, dtype in (("indices", "columns", np.int32), ("data", "values", np.float64)):
        pieces = (lists_of(read_shard(path, [f"{name}.{column}"])[f"{name}.{column}"])[0] for path in paths)
        arrays.write(f"{name}.{part}", pieces, shape=(int(indptr[-1]),), dtype=dtype)
    arrays.save(f"{name}.indptr", indptr.astype(np.int32 if indptr[-1] < 2**31 else np.int64))
    arrays.save(f"{name}.shape", np.array(shape))
    if name != "present":
        arrays.save_rows(f"{name}.turned", arrays.read_rows(name).T.tocsr())
