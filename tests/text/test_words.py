import random
import subprocess
import sys
from collections import Counter
from math import log, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recs.evaluation.baselines import bm25_scores, tfidf_matrix
from recs.ranking.terms import SMALL_COLLECTION, item_terms
from recs.text.words import tokenize, word_pattern

VOCABULARY = [f"word{i}" for i in range(80)] + ["don't", "Straße", "日本語のブログ", "हिन्दी", "R", "3.11"]


def random_texts(seed, n):
    rng = random.Random(seed)
    return [" ".join(rng.choices(VOCABULARY, k=rng.randrange(0, 40))) for _ in range(n)]


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("", []),
        ("... -- !", []),
        ("Don’t plant GARLIC in 2024!", ["don't", "plant", "garlic", "in", "2024"]),
        ("'quoted' dogs' l'été", ["quoted", "dogs", "l'été"]),
        ("STRASSE Straße ﬁn", ["strasse", "strasse", "fin"]),
        ("cafe\u0301 caf\u00e9", ["café", "café"]),
        ("İstanbul", ["i\u0307stanbul"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("日本語を学ぶ", ["日本", "本語", "語を", "を学", "学ぶ"]),
        ("猫 ﾈｺ", ["猫", "ネコ"]),
        ("Python入門3", ["python", "入門", "3"]),
        ("ภาษา", ["ภา", "าษ", "ษา"]),
        ("학교에서", ["학교", "교에", "에서"]),
        ("Привет, МИР", ["привет", "мир"]),
    ],
)
def test_tokenize_any_language_gives_folded_terms(text, terms):
    assert tokenize(text) == terms


@pytest.mark.parametrize("n", [SMALL_COLLECTION, 40, 150])
def test_tfidf_matrix_equals_scikit_learn(n):
    text = pytest.importorskip("sklearn.feature_extraction.text")
    texts = random_texts(n, n)
    oracle = text.TfidfVectorizer(
        tokenizer=tokenize, token_pattern=None, lowercase=False, sublinear_tf=True, min_df=2, max_df=0.3
    )
    expected = oracle.fit(sorted(set(texts))).transform(texts)  # equal texts count once
    found = tfidf_matrix(texts)
    assert found.terms == tuple(oracle.get_feature_names_out())
    np.testing.assert_allclose(found.matrix.toarray(), expected.toarray(), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("n", [1, 2, 5, SMALL_COLLECTION - 1])
def test_tfidf_matrix_small_collection_keeps_every_term(n):
    text = pytest.importorskip("sklearn.feature_extraction.text")
    texts = [f"garlic {i} in march" for i in range(n)]
    expected = text.TfidfVectorizer(tokenizer=tokenize, token_pattern=None, lowercase=False, sublinear_tf=True)
    found = tfidf_matrix(texts)
    np.testing.assert_allclose(found.matrix.toarray(), expected.fit_transform(texts).toarray(), rtol=1e-12)
    assert len(found) == n


@pytest.mark.parametrize("texts", [[], [""], ["", "..."], [f"{i}" for i in range(SMALL_COLLECTION)]])
def test_tfidf_matrix_without_terms_has_zero_rows(texts):
    found = tfidf_matrix(texts)
    assert found.matrix.shape == (len(texts), len(found.terms))
    assert found.matrix.nnz == 0


def test_tfidf_matrix_copies_of_a_text_do_not_make_its_words_common():
    texts = [*random_texts(5, 60), *["twelve copies of one text"] * 120]
    twice, found = tfidf_matrix(texts[:62]), tfidf_matrix(texts)
    assert found.terms == twice.terms
    assert "copies" in found.terms
    np.testing.assert_array_equal(found.matrix[:62].toarray(), twice.matrix.toarray())
    assert (found.matrix[61:] != found.matrix[[60] * 119]).nnz == 0


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), n=st.integers(0, 60))
def test_tfidf_matrix_texts_permuted_permutes_rows(seed, n):
    texts = random_texts(seed, n)
    order = np.random.default_rng(seed).permutation(n)
    straight, mixed = tfidf_matrix(texts), tfidf_matrix([texts[i] for i in order])
    assert mixed.terms == straight.terms
    expected = straight.matrix[order]
    for name in ("indptr", "indices", "data"):
        np.testing.assert_array_equal(getattr(mixed.matrix, name), getattr(expected, name))


def test_tfidf_matrix_rows_have_length_one():
    norms = np.sqrt((tfidf_matrix(random_texts(1, 60)).matrix ** 2).sum(axis=1))
    assert np.all((abs(norms - 1) < 1e-12) | (norms == 0))


def stems_and_pairs(text):
    words = tokenize(text)
    return [word[:6] for word in words] + [f"{words[i]} {words[i + 1]}" for i in range(len(words) - 1)]


def plain_item_terms(titles, texts):
    """Return the likeness of all pairs, and how much of the title of j stands in i, by loops over dicts."""
    whole = [f"{title}\n{text}" for title, text in zip(titles, texts, strict=True)]
    n = len(set(whole))
    documents = Counter(term for text in set(whole) for term in set(stems_and_pairs(text)))
    holders = Counter(term for text in whole for term in set(stems_and_pairs(text)))
    small = n < SMALL_COLLECTION
    tells = {term for term, df in documents.items() if small or df <= min(0.3 * n, 1000)}
    idf = {term: log((2 + n) / (1 + df)) for term, df in documents.items()}
    vectors = []
    for text in whole:
        counts = Counter(term for term in stems_and_pairs(text) if term in tells and (small or holders[term] >= 2))
        weights = {term: (1 + log(count)) * idf[term] for term, count in counts.items()}
        norm = sqrt(sum(weight**2 for weight in weights.values())) or 1
        vectors.append({term: weight / norm for term, weight in weights.items()})
    likeness = [[sum(a[term] * b.get(term, 0) for term in a) for b in vectors] for a in vectors]
    mentions = []
    for text in whole:
        held = {term for term in stems_and_pairs(text) if holders[term] >= 2}
        row = []
        for title in titles:
            known = {term for term in stems_and_pairs(title) if term in tells}
            total = sum(idf[term] for term in known) + log((1 + n) / 2) + 1e-9
            row.append(sum(idf[term] for term in known & held) / total)
        mentions.append(row)
    return likeness, mentions


@pytest.mark.parametrize("n", [0, 1, 2, 7, SMALL_COLLECTION - 1, SMALL_COLLECTION, 60])
def test_item_terms_equals_plain_loops(n):
    texts = random_texts(n, n)
    titles = [" ".join(text.split()[:3]) for text in random_texts(n + 1, n)]
    texts[-3:] = texts[:3]  # equal items
    titles[-2:] = titles[:2]
    found = item_terms(titles, texts)
    likeness, mentions = plain_item_terms(titles, texts)
    shape = (n, n)
    np.testing.assert_allclose((found.weights @ found.weights.T).toarray(), np.reshape(likeness, shape), atol=1e-12)
    np.testing.assert_allclose((found.present @ found.titles.T).toarray(), np.reshape(mentions, shape), atol=1e-12)


@settings(max_examples=15)
@given(seed=st.integers(0, 1000), n=st.integers(0, 40))
def test_item_terms_order_of_items_changes_only_rows(seed, n):
    titles, texts = random_texts(seed + 1, n), random_texts(seed, n)
    order = np.random.default_rng(seed).permutation(n)
    straight = item_terms(titles, texts)
    mixed = item_terms([titles[i] for i in order], [texts[i] for i in order])
    for name in ("weights", "present", "titles"):
        assert (getattr(mixed, name) != getattr(straight, name)[order]).nnz == 0


LINE = "Subscribe  to our weekly letter now"


@pytest.mark.parametrize(
    ("line", "copies", "silent"), [(LINE, 3, True), (LINE, 2, False), ("only four words here", 9, False)]
)
def test_item_terms_repeated_lines_give_no_terms(line, copies, silent):
    texts = [f"garlic {i} in march\n{line if i % 2 else ' '.join(line.split())}\nend {i}" for i in range(copies)]
    texts += [f"onion {i} in april" for i in range(4)]
    titles = [""] * len(texts)
    stripped = [text.replace(f"\n{line}", "").replace(f"\n{' '.join(line.split())}", "") for text in texts]
    found, without = item_terms(titles, texts), item_terms(titles, stripped)
    assert (found.weights.shape == without.weights.shape) == silent
    if silent:
        assert (found.weights != without.weights).nnz == 0


def test_item_terms_copies_of_a_text_are_not_repeated_lines_and_nothing_else_stays():
    same = item_terms([""] * 6, [LINE] * 6)
    np.testing.assert_allclose((same.weights @ same.weights.T).toarray(), 1)
    texts = [*(f"{LINE}\nand {i}" for i in range(3)), LINE]
    found = item_terms([""] * 4, texts)
    assert found.weights[[3]].nnz > 0
    assert (found.weights @ found.weights.T)[3, 0] == 0


def plain_bm25(texts):
    """Return the scores of all texts for each as query: Robertson's formula, the forty heaviest terms of the query."""
    distinct = list(dict.fromkeys(texts))
    counts = {text: Counter(tokenize(text)) for text in distinct}
    n = len(distinct)
    mean = sum(sum(found.values()) for found in counts.values()) / max(n, 1) or 1
    df = Counter(term for found in counts.values() for term in found)

    def weight(text, term):
        tf, length = counts[text][term], sum(counts[text].values())
        idf = log(1 + (n - df[term] + 0.5) / (df[term] + 0.5))
        return idf * tf * 2.2 / (tf + 1.2 * (0.25 + 0.75 * length / mean))

    return [
        [sum(weight(b, term) for term in sorted(counts[a], key=lambda t: -weight(a, t))[:40]) for b in texts]
        for a in texts
    ]


@pytest.mark.parametrize("n", [0, 1, 2, 30])
def test_bm25_scores_equal_a_plain_loop(n):
    texts = random_texts(n, n)
    texts[-2:] = texts[:2]
    score = bm25_scores(texts)
    np.testing.assert_allclose(score(0, n), np.reshape(plain_bm25(texts), (n, n)), atol=1e-12)
    np.testing.assert_array_equal(np.vstack([score(0, n // 2), score(n // 2, n)]), score(0, n))


def test_bm25_scores_long_query_counts_its_forty_heaviest_terms():
    frequent = " ".join(f"heavy{i} heavy{i}" for i in range(40))
    texts = [f"{frequent} " + " ".join(f"light{i}" for i in range(30)), "light1 light2 light3", "heavy1", "nothing"]
    scores = bm25_scores(texts)(0, 4)
    np.testing.assert_allclose(scores, plain_bm25(texts))
    assert scores[0, 1] == 0
    assert scores[1, 0] > 0


def test_terms_load_no_heavy_library():
    code = "import sys; from recs.evaluation.baselines import tfidf_matrix as t; t(['a b', 'b']); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"sklearn", "torch", "pandas", "scipy.stats"} & set(loaded)


@given(st.text(st.characters(max_codepoint=127)))
def test_pattern_of_ascii_finds_what_that_of_all_texts_finds(text: str) -> None:
    assert word_pattern(text).findall(text) == word_pattern("é").findall(text)
