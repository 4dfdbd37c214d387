"""Topics: the same whatever the order, honest about what they leave out, and alive from one run to the next."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import numpy as np
import pytest
from places import POSTS, ROOT
from standins import make_embedder, make_records

import recs
from recs.arrays import unit_rows
from recs.cluster import cluster_items
from recs.clustering.assignment import separation, without_itself
from recs.clustering.communities import grow, halve_clusters, merge_clusters, move_rows
from recs.clustering.graph import components, neighbor_graph, spectral_coordinates
from recs.clustering.timeline import topics_over_time
from recs.embedding.vectors import Embeddings
from recs.errors import FingerprintMismatchError, MissingDependencyError, OptionError, SourceError
from recs.items import Item

hdbscan = pytest.importorskip("hdbscan")
sparse = pytest.importorskip("scipy.sparse")
sys.path.insert(0, str(ROOT / "benchmarks"))


def collection(n=60, **changes):
    items = [
        Item(id=r["id"], title=r["title"], text=r["text"], published=f"20{20 + i % 3}-0{1 + i % 9}-01", **changes)
        for i, r in enumerate(make_records(n))
    ]
    return items, make_embedder().embed([item.text for item in items], ids=[item.id for item in items])


def blobs(sizes, dim=24, spread=0.4, seed=0):
    """Return items and vectors around as many random centres, and the centre of each."""
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((len(sizes), dim))
    truth = np.repeat(np.arange(len(sizes)), sizes)
    X = centres[truth] + spread * rng.standard_normal((len(truth), dim))
    items = [Item(id=f"{row:04}", text=f"text no{row} of blob{label}") for row, label in enumerate(truth.tolist())]
    return items, Embeddings.from_array([item.id for item in items], X, model="blobs"), truth


def alike(left, right):
    """Return the adjusted Rand index by its definition over pairs (Hubert and Arabie 1985)."""
    left, right = np.asarray(left), np.asarray(right)
    same_left, same_right = left[:, None] == left, right[:, None] == right
    above = np.triu(np.ones((len(left), len(left)), bool), 1)
    a, b, both = (pairs[above].sum() for pairs in (same_left, same_right, same_left & same_right))
    expected = a * b / above.sum()
    return (both - expected) / ((a + b) / 2 - expected) if (a + b) / 2 != expected else 1.0


# --- the graph ---


def modularity(graph, labels, resolution):
    A = graph.toarray()
    degrees = A.sum(axis=1)
    return ((A - resolution * np.outer(degrees, degrees) / A.sum()) * (labels[:, None] == labels)).sum() / A.sum()


def test_neighbor_graph_is_the_symmetric_mean_of_brute_force_neighbours():
    X = np.random.default_rng(0).standard_normal((60, 8)).astype(np.float32)
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    cosines = X.astype(np.float64) @ X.T
    np.fill_diagonal(cosines, -2)
    directed = np.zeros((60, 60))
    for row, found in enumerate(np.argsort(-cosines, axis=1)[:, :5]):
        directed[row, found] = np.maximum(cosines[row, found], 1e-3)
    np.testing.assert_allclose(neighbor_graph(X, 5).toarray(), (directed + directed.T) / 2, atol=2e-6)


@pytest.mark.parametrize("resolution", [0.5, 1.0, 3.0])
def test_move_rows_raises_modularity_and_leaves_little_to_gain(resolution):
    _, embeddings, _ = blobs([30, 30, 30], spread=1.0)
    graph = neighbor_graph(embeddings.vectors, 8)
    start = np.repeat(np.arange(6), 15)
    moved = move_rows(graph, start, resolution)
    best = modularity(graph, moved, resolution)
    assert best > modularity(graph, start, resolution)
    for row in range(90):
        for cluster in np.unique(moved):
            other = moved.copy()
            other[row] = cluster
            assert modularity(graph, other, resolution) <= best + 5e-3


def test_merge_clusters_joins_the_pair_that_exceeds_chance_most():
    _, embeddings, truth = blobs([20, 20, 20, 20], spread=0.9)
    graph = neighbor_graph(embeddings.vectors, 10)
    merges = merge_clusters(graph, truth, np.ones((4, 4)))
    A = graph.toarray()
    members = np.eye(4)[truth]
    between, volumes = members.T @ A @ members, A.sum(axis=1) @ members
    excess = between * A.sum() / np.outer(volumes, volumes)
    np.fill_diagonal(excess, 0)
    assert sorted(merges.pairs[0]) == sorted(np.unravel_index(excess.argmax(), excess.shape))
    assert merges.resolutions[0] == pytest.approx(excess.max())
    assert (np.diff(merges.resolutions) <= 0).all()
    for count in range(1, 5):
        assert len(np.unique(merges.cut(count))) == count == merges.count(merges.resolution(count))


def test_grow_reaches_what_a_path_leads_to_and_nothing_else():
    from scipy import sparse

    edges = [(0, 1), (1, 2), (3, 4)]
    rows, columns = zip(*edges, strict=True)
    half = sparse.csr_array((np.ones(3), (rows, columns)), shape=(6, 6))
    graph = (half + half.T).tocsr()
    assert grow(graph, np.array([0, -1, -1, -1, -1, -1])).tolist() == [0, 0, 0, -1, -1, -1]
    assert [part.tolist() for part in components(graph)] == [[0, 1, 2], [3, 4], [5]]


def test_spectral_coordinates_of_few_and_many_rows_span_the_same_space():
    _, embeddings, _ = blobs([80, 80], spread=1.2)
    graph = neighbor_graph(embeddings.vectors, 10)
    coordinates = spectral_coordinates(graph, 2)
    roots = np.sqrt(graph.sum(axis=1))
    exact = np.linalg.eigh(graph.toarray() / np.outer(roots, roots))[1][:, -2:]
    exact /= np.linalg.norm(exact, axis=1, keepdims=True)
    np.testing.assert_allclose(coordinates @ coordinates.T, exact @ exact.T, atol=1e-5)


# --- topics ---


def test_cluster_items_blobs_are_found_whatever_their_sizes():
    items, embeddings, truth = blobs([25, 40, 60, 90, 140])
    found = cluster_items(items, embeddings)
    assert alike(truth, found.assigned) >= 0.95
    assert [topic.size for topic in found.topics] == np.bincount(found.assigned[found.assigned >= 0]).tolist()
    assert set(found.labels[found.labels >= 0]) == set(found.assigned[found.assigned >= 0])
    assert (found.assigned[found.labels >= 0] == found.labels[found.labels >= 0]).all()
    assert ((found.strengths > 0) == (found.labels >= 0)).all()
    assert found.topics is found.layers[found.default].topics
    assert [row.topics for row in found.sweep if row.chosen] == [len(found.topics)]


@pytest.mark.parametrize("change", ["order", "drafts"])
def test_cluster_items_result_does_not_depend_on(change):
    items, embeddings, _ = blobs([30, 50, 70], spread=1.0)
    plain = cluster_items(items, embeddings)
    if change == "order":
        order = np.random.default_rng(1).permutation(len(items))
        items, embeddings = [items[row] for row in order], embeddings.take([embeddings.ids[row] for row in order])
    if change == "drafts":
        items = [*items, Item(id="zz", text="a draft", visibility="draft")]
    other = cluster_items(items, embeddings)
    assert other.ids == plain.ids
    np.testing.assert_array_equal(other.assigned, plain.assigned)
    np.testing.assert_array_equal(other.labels, plain.labels)
    assert other.topics == plain.topics


def test_cluster_items_layers_go_from_coarse_to_fine_and_know_their_parents():
    items, embeddings, _ = blobs([30] * 12, spread=1.3, dim=12)
    found = cluster_items(items, embeddings)
    counts = [len(layer.topics) for layer in found.layers]
    assert counts == sorted(counts)
    for above, layer in zip(found.layers, found.layers[1:], strict=False):
        assert {topic.parent for topic in layer.topics} <= {topic.id for topic in above.topics} | {None}
    for layer in found.layers:
        names = [topic.name.casefold() for topic in layer.topics]
        assert len(set(names)) == len(names)


def test_cluster_items_n_topics_gives_about_that_many():
    items, embeddings, _ = blobs([40] * 8)
    for wanted in (3, 8):
        found = cluster_items(items, embeddings, n_topics=wanted)
        assert len(found.topics) == wanted
    assert any("400 topics were requested" in note for note in cluster_items(items, embeddings, n_topics=400).notes)


@pytest.mark.parametrize("wanted", [2, 3, 5, 7, 11, 16, 20, 25, 33])
@pytest.mark.parametrize("sizes", [[20] * 20, [150, 80, 60, 40, 30, 20, 12, 8]])
def test_cluster_items_n_topics_is_exact_below_and_above_the_number_of_cores(sizes, wanted):
    items, embeddings, truth = blobs(sizes, spread=1.2)
    made = cluster_items(items, embeddings, n_topics=wanted)
    assert len(made.topics) == wanted
    assert made.notes == ()
    if wanted > len(sizes):  # halves of a subject, not mixtures of several
        own = [np.bincount(truth[made.assigned == topic.id]) for topic in made.topics]
        assert np.sum([counts.max() for counts in own]) >= 0.85 * np.sum([counts.sum() for counts in own])


def test_halve_clusters_splits_the_widest_where_it_is_thin():
    rng = np.random.default_rng(0)
    X = np.vstack([rng.normal(centre, 0.1, (12, 3)) for centre in (0, 5, 30)]).astype(np.float32)
    groups = np.repeat(np.arange(3), 12)
    labels = np.where(groups == 2, 1, 0)
    assert alike(halve_clusters(X, labels, 3, size=2), groups) == 1.0
    assert halve_clusters(X, labels, 2, size=2).tolist() == labels.tolist()
    many = halve_clusters(X, labels, 100, size=4)
    assert np.bincount(many).min() >= 4
    assert 3 < len(set(many.tolist())) <= 9
    alone = np.array([0, 0, 0, 1, -1])
    assert halve_clusters(X[:5], alone, 5, size=2).tolist() == alone.tolist()


@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_separation_is_the_mean_silhouette_by_centroids(scale):
    _, embeddings, truth = blobs([5, 8, 13], spread=1.0)
    X = (scale * embeddings.vectors).astype(np.float32)
    labels = np.where(np.arange(26) % 9 == 4, -1, truth)
    means = np.stack([X[labels == cluster].mean(axis=0, dtype=np.float64) for cluster in range(3)])
    distances = 1 - unit_rows(X) @ unit_rows(means).T
    own = np.array([X[row] @ unit_rows(means)[labels[row]] for row in range(26)])
    expected = []
    for row in np.flatnonzero(labels >= 0):
        mine = distances[row, labels[row]]
        other = np.delete(distances[row], labels[row]).min()
        expected.append((other - mine) / max(other, mine))
    assert separation(X, labels, own) == pytest.approx(np.mean(expected), abs=1e-5)


def test_merge_clusters_without_any_edge_follows_the_affinity():
    affinity = np.array([[1, 1, 9], [1, 1, 1], [9, 1, 1]], np.float64)
    merges = merge_clusters(sparse.csr_array((3, 3)), np.arange(3), affinity)
    assert merges.pairs.tolist() == [[0, 2], [0, 1]]


def test_cluster_items_outlier_stays_out_unless_all_are_wanted():
    items, embeddings, _ = blobs([60, 60])
    X = np.vstack([embeddings.vectors, -embeddings.vectors.mean(axis=0)])
    items = [*items, Item(id="outlier", text="something else")]
    embeddings = Embeddings.from_array([item.id for item in items], X, model="blobs")
    assert cluster_items(items, embeddings).assigned[-1] == -1
    everything = cluster_items(items, embeddings, assign="all")
    assert (everything.assigned >= 0).all()


def test_cluster_items_small_far_group_does_not_hide_the_topics_of_the_rest():
    _, embeddings, truth = blobs([20] * 6, spread=1.8)
    far = 4 + 0.3 * np.random.default_rng(0).standard_normal((9, 24))
    items = [Item(id=f"{row:04}", text=f"text no{row}") for row in range(129)]
    both = Embeddings.from_array([item.id for item in items], np.vstack([embeddings.vectors, far]), model="blobs")
    assigned = cluster_items(items, both).assigned
    assert len(set(assigned[120:])) == 1
    assert assigned[120] not in assigned[:120]
    assert len(set(assigned[:120]) - {-1}) >= 4
    assert alike(truth, assigned[:120]) > 0.3


@pytest.mark.parametrize("method", ["eom", "leaf"])
def test_cluster_items_both_selection_methods_find_the_blobs(method):
    items, embeddings, truth = blobs([40, 60, 80])
    found = cluster_items(items, embeddings, cluster_selection_method=method, n_topics=3)
    assert alike(truth, found.assigned) >= 0.95


@pytest.mark.parametrize("similarity", ["dot", "euclidean"])
def test_cluster_items_other_similarities_find_the_blobs(similarity):
    items, embeddings, truth = blobs([40, 60, 80])
    vectors = 3 * embeddings.vectors
    other = Embeddings.from_array(embeddings.ids, vectors, model="blobs", similarity=similarity)
    assert alike(truth, cluster_items(items, other).assigned) >= 0.95


@pytest.mark.parametrize("n", [0, 1, 2, 3, 5, 9, 10, 11, 25, 50, 100])
def test_cluster_items_noise_is_not_given_topics(n):
    X = np.random.default_rng(n).standard_normal((n, 50)) if n else np.zeros((0, 50))
    items = [Item(id=f"{row:03}", text=f"word{row} and{row}") for row in range(n)]
    found = cluster_items(items, Embeddings.from_array([item.id for item in items], X, model="noise"))
    assert (found.assigned == -1).all()
    assert "no clusters found" in found.notes[0]
    assert found.topics == ()
    if n:
        assert found.predict(Embeddings.from_array(["new"], np.ones((1, 50)), model="noise")).tolist() == [-1]


@pytest.mark.parametrize(("n", "dim"), [(100, 10), (400, 50)])
def test_cluster_items_cloud_that_is_cut_anyhow_is_not_given_topics(n, dim):
    X = np.random.default_rng(0).standard_normal((n, dim))
    items = [Item(id=f"{row:03}", text=f"word{row}") for row in range(n)]
    found = cluster_items(items, Embeddings.from_array([item.id for item in items], X, model="noise"))
    assert found.sweep, "the cloud has cores, so stability has to tell"
    assert found.topics == ()


@pytest.mark.parametrize("n", [2, 3, 10, 100])
def test_cluster_items_identical_texts_are_one_topic(n):
    items = [Item(id=f"{row:03}", text="The same words") for row in range(n)]
    found = cluster_items(items, Embeddings.from_array([item.id for item in items], np.ones((n, 8)), model="ones"))
    assert (found.assigned == 0).all()
    assert "copies of one text" in found.notes[-1]
    assert found.topics[0].size == n


@pytest.mark.parametrize("n", [20, 30, 60])
def test_cluster_items_three_subjects_of_few_posts_are_named(n):
    items, embeddings = collection(n)
    found = cluster_items(items, embeddings)
    assert {topic.name for topic in found.topics} == {"Bicycle", "Garden", "Kitchen"}
    assert alike([item.title.split()[0] for item in items], found.assigned) >= 0.85


def test_cluster_items_twins_share_a_topic_though_their_vectors_differ():
    items, embeddings, _ = blobs([30, 30, 30])
    items[0] = replace(items[0], text=items[-1].text)
    found = cluster_items(items, embeddings)
    assert found.assigned[0] == found.assigned[-1]


def test_cluster_items_parts_without_an_edge_between_are_told_apart():
    X = np.zeros((120, 40))
    rng = np.random.default_rng(0)
    for part in range(4):  # four orthogonal spaces: more neighbours within each than the graph asks for
        X[part * 30 : part * 30 + 30, part * 10 : part * 10 + 10] = 3 + rng.standard_normal((30, 10))
    items = [Item(id=f"{row:03}", text=f"t{row}") for row in range(120)]
    embeddings = Embeddings.from_array([item.id for item in items], X, model="parts")
    truth = np.repeat(np.arange(4), 30)
    assert alike(truth, cluster_items(items, embeddings, assign="all").assigned) == 1.0
    # Two rows have a cosine of .86 where every row of the dense cores has .91 or more: the rule calls them outliers.
    assert alike(truth, cluster_items(items, embeddings).assigned) >= 0.97


# --- after the first run ---


@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_without_itself_is_the_cosine_with_the_centroid_of_the_others(scale):
    _, embeddings, truth = blobs([1, 2, 3, 9])
    X = (scale * embeddings.vectors).astype(np.float32)
    labels = np.where(np.arange(15) % 7 == 5, -1, truth)
    best = np.where(np.arange(15) % 4 == 3, (truth + 1) % 4, truth)
    cosines = np.linspace(0.2, 0.9, 15)
    for row in range(15):
        mean = X[labels == truth[row]].mean(axis=0, dtype=np.float64)
        cosines[row] = X[row] @ mean / np.linalg.norm(X[row]) / np.linalg.norm(mean)
    expected = cosines.copy()
    for row in np.flatnonzero((labels == best) & (labels > 0)):
        others = np.setdiff1d(np.flatnonzero(labels == labels[row]), [row])
        mean = X[others].mean(axis=0, dtype=np.float64)
        expected[row] = X[row] @ mean / np.linalg.norm(X[row]) / np.linalg.norm(mean)
    assert not np.allclose(expected, cosines, atol=0.01)
    np.testing.assert_allclose(without_itself(X, labels, best, cosines), expected, atol=1e-5)


def test_cluster_items_covers_new_items_nearly_as_well_as_its_own():
    items, embeddings, _ = blobs([16] * 8, spread=1.5)
    some = [item for row, item in enumerate(items) if row % 4]
    found = cluster_items(some, embeddings)
    new = found.predict(embeddings.take([item.id for row, item in enumerate(items) if row % 4 == 0]))
    assert (new >= 0).mean() >= found.metrics["coverage"] - 0.2


def test_predict_agrees_with_assigned_in_any_company():
    items, embeddings, _ = blobs([60, 90, 120], spread=1.0)
    found = cluster_items(items, embeddings)
    np.testing.assert_array_equal(found.predict(embeddings), found.assigned)
    order = np.random.default_rng(0).permutation(len(items))[:77]
    some = embeddings.take([embeddings.ids[row] for row in order])
    np.testing.assert_array_equal(found.predict(some), found.assigned[order])
    one = [int(found.predict(embeddings.take([name]))[0]) for name in embeddings.ids[:40]]
    assert one == found.assigned[:40].tolist()


def test_predict_vectors_of_another_model_are_refused():
    items, embeddings, _ = blobs([30, 30])
    found = cluster_items(items, embeddings)
    other = Embeddings.from_array(embeddings.ids, embeddings.vectors, model="another")
    with pytest.raises(FingerprintMismatchError, match="embed both with one model"):
        found.predict(other)
    with pytest.raises(FingerprintMismatchError):
        cluster_items(items, other, previous=found)


# --- items of which the model knows no token ---


def with_blank(items, embeddings, count):
    """Return the same with `count` more items, all of one vector, of which the model knows no token; by id between."""
    names = [f"0000-{place}" for place in range(count)]
    more = [Item(id=name, text=f"\U0001f680 {name}") for name in names]
    vectors = np.vstack([embeddings.vectors, np.tile(embeddings.vectors[:1], (count, 1))])
    ids = (*embeddings.ids, *names)
    lost = np.array([0] * len(embeddings) + [3] * count)
    known = {"tokens": np.full(len(ids), 3), "tokens_lost": lost}
    return [*items, *more], replace(embeddings, ids=ids, vectors=vectors, **known)


@pytest.mark.parametrize("assign", ["close", "all"])
@pytest.mark.parametrize("count", [1, 40])
def test_cluster_items_blank_items_are_in_no_topic_and_move_none(assign, count):
    items, embeddings, _ = blobs([40, 50, 60], spread=0.6)
    plain = cluster_items(items, embeddings, assign=assign)
    assert len(plain.topics) == 3
    found = cluster_items(*with_blank(items, embeddings, count), assign=assign)
    is_blank = np.array([name.startswith("0000-") for name in found.ids])
    assert is_blank.sum() == count
    assert list(found.ids) == sorted(found.ids)
    for name in ("labels", "assigned", "learned", "strengths"):
        np.testing.assert_array_equal(getattr(found, name)[~is_blank], getattr(plain, name))
    for one, other in zip(found.layers, plain.layers, strict=True):
        assert one.topics == other.topics
        assert (one.assigned[is_blank] == -1).all()
        assert one.coverage == pytest.approx((one.assigned >= 0).mean(), abs=1e-6)
    assert found.topics == plain.topics
    assert (found.assigned[is_blank] == -1).all()
    assert (found.labels[is_blank] == -1).all()
    assert not found.strengths[is_blank].any()
    np.testing.assert_array_equal(found.rule.weights, plain.rule.weights)
    assert found.metrics["items"] == len(items) + count
    assert found.metrics["coverage"] == pytest.approx((found.assigned >= 0).mean(), abs=1e-6)
    said = "1 item is in no topic: the model knows no token of it."
    many = f"{count} items are in no topic: the model knows no token of them."
    assert found.notes == (*plain.notes, said if count == 1 else many)


def test_cluster_items_without_blank_items_counts_of_tokens_change_no_byte(tmp_path):
    items, embeddings, _ = blobs([40, 50])
    cluster_items(items, embeddings).save(tmp_path / "one.npz")
    cluster_items(*with_blank(items, embeddings, 0)).save(tmp_path / "two.npz")
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()


@pytest.mark.parametrize("count", [1, 2, 30])
def test_cluster_items_all_blank_finds_nothing(count):
    items, embeddings = with_blank([], Embeddings.from_array(["x"], np.ones((1, 8)), model="m"), count)
    found = cluster_items(items, embeddings.take([item.id for item in items]), assign="all")
    assert found.assigned.tolist() == [-1] * count
    assert found.topics == ()
    assert "no token" in found.notes[-1]


def test_previous_item_that_was_blank_joins_as_a_new_one(tmp_path):
    items, embeddings, _ = blobs([40, 50, 60], spread=0.6)
    readable = replace(embeddings, tokens=np.full(150, 3), tokens_lost=np.zeros(150, np.int64))
    half = replace(readable, tokens_lost=np.where(np.arange(150) == 7, 3, 0))
    before = cluster_items(items, half)
    before.save(tmp_path / "topics.npz")
    before = recs.Clustering.load(tmp_path / "topics.npz")
    assert (before.assigned[7], before.learned[7]) == (-1, -2)
    np.testing.assert_array_equal(cluster_items(items, half, previous=before).assigned, before.assigned)
    after = cluster_items(items, readable, previous=before)
    beside = before.assigned[:40]
    assert after.assigned[7] == np.bincount(beside[beside >= 0]).argmax()
    assert kept(before, after) >= 0.99


def test_save_and_load_give_the_same_clustering_and_bytes(tmp_path):
    items, embeddings, _ = blobs([40, 60, 80])
    found = cluster_items(items, embeddings)
    found.save(tmp_path / "a.npz")
    loaded = recs.Clustering.load(tmp_path / "a.npz")
    assert (loaded.topics, loaded.sweep, loaded.notes, loaded.ids) == (
        found.topics,
        found.sweep,
        found.notes,
        found.ids,
    )
    assert dict(loaded.parameters) == dict(found.parameters)
    np.testing.assert_array_equal(loaded.predict(embeddings), found.assigned)
    loaded.save(tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04torn", b"not an archive"])
def test_load_another_file_is_an_error(tmp_path, content):
    path = tmp_path / "x.npz"
    path.write_bytes(content)
    with pytest.raises(SourceError, match="not a clustering"):
        recs.Clustering.load(path)


def test_previous_topics_keep_their_ids_as_the_content_grows():
    items, embeddings, truth = blobs([50, 60, 70, 80, 60], spread=1.0)
    early = truth < 4
    early[np.flatnonzero(early)[::10]] = False  # a tenth of the old subjects, and a new subject, come later
    before = cluster_items([item for item, old in zip(items, early, strict=True) if old], embeddings)
    after = cluster_items(items, embeddings, previous=before)
    topic_of = dict(zip(after.ids, after.assigned.tolist(), strict=True))
    kept = [topic_of[name] == topic for name, topic in zip(before.ids, before.assigned.tolist(), strict=True)]
    assert np.mean(kept) >= 0.95
    new = set(after.assigned[truth == 4].tolist()) - {-1}
    assert new.isdisjoint(topic.id for topic in before.topics)
    assert min(new) >= before.parameters["next_id"]
    had_topic = np.isin(after.ids, np.array(before.ids)[before.assigned >= 0])  # these stay, whatever the rule says
    predicted = after.predict(embeddings)
    np.testing.assert_array_equal(predicted[~had_topic], after.assigned[~had_topic])
    assert (predicted == after.assigned).mean() >= 0.98


def kept(before, after):
    """Return the share of the items of one run, outliers included, that are where they were in another."""
    topic_of = dict(zip(after.ids, after.assigned.tolist(), strict=True))
    return np.mean([topic_of[name] == topic for name, topic in zip(before.ids, before.assigned.tolist(), strict=True)])


def grown(items, embeddings, share, seed):
    """Return topics of a share of the items, and of all that go on from there."""
    some = set(np.random.default_rng(seed).permutation(len(items))[: round(share * len(items))].tolist())
    before = cluster_items([item for row, item in enumerate(items) if row in some], embeddings)
    return before, cluster_items(items, embeddings, previous=before)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.slow
def test_previous_on_unchanged_items_changes_nothing_and_a_tenth_more_hardly_anything(seed):
    sizes = np.random.default_rng(seed).integers(15, 60, size=5)
    items, embeddings, _ = blobs(sizes, spread=1.3, seed=seed)
    before, after = grown(items, embeddings, 1 / 1.1, seed)
    assert before.topics
    assert kept(before, after) >= 0.95
    for one in (before, after):
        again = cluster_items([item for item in items if item.id in set(one.ids)], embeddings, previous=one)
        np.testing.assert_array_equal(again.assigned, one.assigned)
        np.testing.assert_array_equal(again.learned, one.learned)
        assert again.parameters["next_id"] == one.parameters["next_id"]
        assert [(topic.id, topic.size) for topic in again.topics] == [(topic.id, topic.size) for topic in one.topics]


def test_previous_rule_is_learned_again_when_much_is_new():
    items, embeddings, _ = blobs([50, 60, 70, 80], spread=1.2)
    before, after = grown(items, embeddings, 0.9, 0)
    assert after.rule is before.rule
    assert (after.learned == -2).sum() == 26
    before, after = grown(items, embeddings, 0.6, 0)
    assert after.rule is not before.rule
    assert (after.learned > -2).all()
    assert kept(before, after) >= 0.95


def test_previous_topics_of_identical_texts_stay():
    items, embeddings, _ = blobs([60], spread=100, dim=384)
    items = [replace(item, text="same") if row < 12 else item for row, item in enumerate(items)]
    before = cluster_items(items, embeddings)
    assert [topic.size for topic in before.topics] == [12]
    np.testing.assert_array_equal(cluster_items(items, embeddings, previous=before).assigned, before.assigned)


@pytest.mark.model
@pytest.mark.parametrize("seed", [0, 1])
def test_previous_topics_of_real_posts_keep_their_ids(seed):
    blog = recs.read_items(POSTS, now="2026-11-01")
    embeddings = recs.embed_items(blog.public, recs.load_embedder(), role="clustering")
    before, after = grown(list(blog.public), embeddings, 1 / 1.1, seed)
    assert before.topics
    assert kept(before, after) >= 0.95


@pytest.mark.parametrize("merge", [[[0, 1], [1, 2]], [[2, 1], [0, 2]], [[0, 1, 2]], [[99, 0], [0, 2], [1, 0]]])
def test_edits_overlapping_merges_are_one(tmp_path, merge):
    items, embeddings, _ = blobs([50, 60, 70, 80])
    plain = cluster_items(items, embeddings)
    assert {0, 1, 2} <= {topic.id for topic in plain.topics}
    path = tmp_path / "edits.json"
    path.write_text(json.dumps({"merge": merge}), encoding="utf-8")
    merged = cluster_items(items, embeddings, edits=path)
    together = np.isin(plain.labels, [0, 1, 2])
    assert len(set(merged.labels[together].tolist()) - {-1}) == 1
    assert len(merged.topics) == len(plain.topics) - 2


def test_edits_names_and_merges_hold_in_the_next_run(tmp_path):
    items, embeddings, _ = blobs([50, 60, 70, 80])
    plain = cluster_items(items, embeddings)
    path = tmp_path / "edits.json"
    path.write_text(json.dumps({"names": {"1": "Mine", "99": "Nobody"}, "merge": [[0, 2]]}), encoding="utf-8")
    first = cluster_items(items, embeddings, edits=path)
    second = cluster_items(items, embeddings, edits=path, previous=first)
    for found in (first, second):
        assert {topic.id for topic in found.topics} == {0, 1, 3}
        assert {topic.id: topic.name for topic in found.topics}[1] == "Mine"
        merged = np.isin(plain.assigned, [0, 2])
        assert (found.assigned[merged] == 0).mean() >= 0.97
    assert first.notes == ("edits: there is no topic 99.",)


def test_edits_are_kept_in_the_file_and_hold_without_the_edits(tmp_path):
    items, embeddings, _ = blobs([50, 60, 70, 80])
    path = tmp_path / "edits.json"
    path.write_text(json.dumps({"names": {"1": "Mine"}, "merge": [[0, 2]]}), encoding="utf-8")
    cluster_items(items, embeddings, edits=path).save(tmp_path / "topics.npz")
    again = cluster_items(items, embeddings, previous=recs.Clustering.load(tmp_path / "topics.npz"))
    assert {topic.id for topic in again.topics} == {0, 1, 3}
    assert {topic.id: topic.name for topic in again.topics}[1] == "Mine"
    path.write_text(json.dumps({"names": {"1": "Another"}}), encoding="utf-8")
    renamed = cluster_items(items, embeddings, previous=again, edits=path)
    assert {topic.id: topic.name for topic in renamed.topics}[1] == "Another"


@pytest.mark.parametrize("content", ["[]", "{", '{"merge": 3}', '{"name": {}}', '{"names": {"x": "y"}}'])
def test_edits_malformed_are_an_error(tmp_path, content):
    items, embeddings, _ = blobs([20, 20])
    path = tmp_path / "edits.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(SourceError, match="not a file of edits"):
        cluster_items(items, embeddings, edits=path)


def test_namer_names_the_default_layer():
    items, embeddings = collection(60)
    found = cluster_items(items, embeddings, namer=lambda phrases, exemplars: f"About {phrases[0]} ({len(exemplars)})")
    assert {topic.name for topic in found.topics} == {"About Bicycle (5)", "About Garden (5)", "About Kitchen (5)"}
    same = cluster_items(items, embeddings, namer=lambda phrases, exemplars: "Same")
    assert len({topic.name for topic in same.topics}) == 3


def test_topics_over_time_counts_each_dated_item_once():
    items, embeddings = collection(60)
    found = cluster_items(items, embeddings)
    years = topics_over_time(found, items, period="year")
    assert list(years) == ["2020", "2021", "2022"]
    assert sum(sum(row.values()) for row in years.values()) == (found.assigned >= 0).sum()
    assert all(set(row) == {topic.id for topic in found.topics} for row in years.values())
    with pytest.raises(OptionError, match="period is 'week'"):
        topics_over_time(found, items, period="week")


@pytest.mark.parametrize(
    "options",
    [
        {"assign": "some"},
        {"cluster_selection_method": "flat"},
        {"min_samples": 0},
        {"min_samples": True},
        {"n_topics": True},
        {"min_cluster_size": True},
        {"n_topics": 1},
        {"min_cluster_size": 1},
        {"min_cluster_size": "small"},
        {"min_samples": None},
        {"n_topics": "auto"},
    ],
)
def test_cluster_items_bad_options_are_errors(options):
    items, embeddings, _ = blobs([20, 20])
    with pytest.raises(OptionError, match=f"{next(iter(options))} is"):
        cluster_items(items, embeddings, **options)


def test_cluster_items_without_hdbscan_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "hdbscan", None)
    items, embeddings, _ = blobs([20, 20])
    with pytest.raises(MissingDependencyError, match=r"pip install 'recs-toolkit\[cluster\]'"):
        cluster_items(items, embeddings)


@pytest.mark.parametrize("samples", [1, 7, 20])
def test_cluster_items_min_samples_is_given_to_hdbscan_as_it_is(monkeypatch, samples):
    items, embeddings, _ = blobs([30, 40, 50])
    given = []
    real = hdbscan.HDBSCAN

    def record(**options):
        given.append(options["min_samples"])
        return real(**options)

    monkeypatch.setattr(hdbscan, "HDBSCAN", record)
    made = cluster_items(items, embeddings, min_samples=samples)
    assert set(given) == {samples}
    assert made.parameters["min_samples"] == samples


def test_cluster_items_more_min_samples_than_texts_finds_nothing_and_says_why():
    items, embeddings, _ = blobs([30, 40, 50])
    made = cluster_items(items, embeddings, min_samples=1000)
    assert made.topics == ()
    assert made.notes == ("no clusters found: no text has 1,000 others beside it (min_samples).",)
    assert cluster_items(items, embeddings).parameters["min_samples"] == 2


# --- real collections ---


@pytest.mark.data
@pytest.mark.model
@pytest.mark.slow
def test_topics_of_real_titles_match_their_tags_and_say_their_names(data_dir):
    from cluster_quality import named, read  # benchmarks/

    metrics = pytest.importorskip("sklearn.metrics")
    rows = read(data_dir, "stc_stackoverflow")
    items = [Item(id=row["id"], text=row["text"]) for row in rows]
    label = {row["id"]: row["label"] for row in rows}
    embeddings = recs.embed_items(items, recs.load_embedder())
    agreements = []
    for first in range(3):  # a fifth of the titles each: one draw is .02 better or worse than the next
        found = cluster_items(items[first::5], embeddings)
        truth = np.array([label[name] for name in found.ids])
        assert 13 <= len(found.topics) <= 30
        assert (found.assigned >= 0).mean() >= 0.95
        assert named(found, truth) >= 0.8
        agreements.append(metrics.adjusted_mutual_info_score(truth, found.assigned))
    assert np.mean(agreements) >= 0.71  # measured .694, .737, .739


@pytest.mark.data
@pytest.mark.model
@pytest.mark.slow
@pytest.mark.parametrize("name", ["stc_stackoverflow", "18f_blog"])
def test_n_topics_is_exact_on_real_collections_above_the_number_of_cores_too(data_dir, name):
    items = recs.read_items(data_dir / name / "data.jsonl", now="2026-11-01").public[:1000]
    embeddings = recs.embed_items(items, recs.load_embedder(), role="clustering")
    for wanted in (5, 10, 20, 26, 31, 45):
        made = cluster_items(items, embeddings, n_topics=wanted)
        assert len(made.topics) == wanted
        assert made.notes == ()
        assert min(topic.size for topic in made.topics) >= 2
