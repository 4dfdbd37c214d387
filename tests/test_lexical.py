import random
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recs.lexical import SMALL_COLLECTION, tfidf_matrix, tokenize

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


def test_lexical_import_is_light():
    code = "import recs.lexical, sys; recs.lexical.tfidf_matrix(['a b', 'b']); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"sklearn", "torch", "pandas", "scipy.stats"} & set(loaded)
