"""Related lists, topics, tags and search for a pile of writing, from open-source text embedding models.

The names below are the public face of the package. Each is imported when it is first used, so that `import recs` costs
nothing in a process that may never need it.
"""

import importlib
import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from recs.bulk.index import index_in_shards as index_in_shards
    from recs.bulk.ray_runner import RayRunner as RayRunner
    from recs.bulk.related import related_in_shards as related_in_shards
    from recs.bulk.runners import LocalRunner as LocalRunner
    from recs.bulk.vectors import EmbedTexts as EmbedTexts
    from recs.classification.classifier import Classifier as Classifier
    from recs.classification.labels import LabelRules as LabelRules
    from recs.classify import train_classifier as train_classifier
    from recs.cluster import cluster_items as cluster_items
    from recs.clustering.result import Clustering as Clustering
    from recs.clustering.timeline import topics_over_time as topics_over_time
    from recs.comparison.compare import compare_models as compare_models
    from recs.contract import Note as Note
    from recs.contract import corpus_digest as corpus_digest
    from recs.contract import load_related as load_related
    from recs.embedding.cache import Cache as Cache
    from recs.embedding.embedder import Embedder as Embedder
    from recs.embedding.load import load_embedder as load_embedder
    from recs.embedding.pipeline import embed_items as embed_items
    from recs.embedding.vectors import Embeddings as Embeddings
    from recs.errors import RecsError as RecsError
    from recs.evaluation.audit import audit_related as audit_related
    from recs.evaluation.classifiers import evaluate_classifier as evaluate_classifier
    from recs.evaluation.label_review import label_issues as label_issues
    from recs.evaluation.label_review import select_to_label as select_to_label
    from recs.evaluation.rankings import evaluate_related as evaluate_related
    from recs.evaluation.search import evaluate_search as evaluate_search
    from recs.evaluation.topics import evaluate_topics as evaluate_topics
    from recs.evaluation.tuning import tune_related as tune_related
    from recs.items import Collection as Collection
    from recs.items import Item as Item
    from recs.items import Link as Link
    from recs.items import Match as Match
    from recs.items import Skipped as Skipped
    from recs.postgres.published import open_published as open_published
    from recs.postgres.publishing import publish_result as publish_result
    from recs.ranking.lists import RelatedLists as RelatedLists
    from recs.ranking.rules import Rules as Rules
    from recs.readers.read import read_items as read_items
    from recs.readers.stream import iter_items as iter_items
    from recs.related import related_items as related_items
    from recs.retrieval.hits import Hit as Hit
    from recs.retrieval.index import Index as Index
    from recs.search import build_index as build_index
    from recs.search import open_index as open_index
    from recs.search import related_to as related_to
    from recs.search import save_index as save_index
    from recs.search import search_items as search_items
    from recs.search import search_passages as search_passages
    from recs.text.plain import plain_text as plain_text
    from recs.writers.related import write_related as write_related
    from recs.writers.update import update_related as update_related

__version__ = "0.1.0"

_HOME = {
    "Cache": "recs.embedding.cache",
    "Classifier": "recs.classification.classifier",
    "Clustering": "recs.clustering.result",
    "Collection": "recs.items",
    "EmbedTexts": "recs.bulk.vectors",
    "Embedder": "recs.embedding.embedder",
    "Embeddings": "recs.embedding.vectors",
    "Hit": "recs.retrieval.hits",
    "Index": "recs.retrieval.index",
    "Item": "recs.items",
    "LabelRules": "recs.classification.labels",
    "Link": "recs.items",
    "LocalRunner": "recs.bulk.runners",
    "Match": "recs.items",
    "Note": "recs.contract",
    "RecsError": "recs.errors",
    "RelatedLists": "recs.ranking.lists",
    "RayRunner": "recs.bulk.ray_runner",
    "Rules": "recs.ranking.rules",
    "Skipped": "recs.items",
    "audit_related": "recs.evaluation.audit",
    "build_index": "recs.search",
    "cluster_items": "recs.cluster",
    "compare_models": "recs.comparison.compare",
    "corpus_digest": "recs.contract",
    "embed_items": "recs.embedding.pipeline",
    "evaluate_classifier": "recs.evaluation.classifiers",
    "evaluate_related": "recs.evaluation.rankings",
    "evaluate_search": "recs.evaluation.search",
    "evaluate_topics": "recs.evaluation.topics",
    "index_in_shards": "recs.bulk.index",
    "iter_items": "recs.readers.stream",
    "label_issues": "recs.evaluation.label_review",
    "load_embedder": "recs.embedding.load",
    "load_related": "recs.contract",
    "open_index": "recs.search",
    "open_published": "recs.postgres.published",
    "plain_text": "recs.text.plain",
    "publish_result": "recs.postgres.publishing",
    "read_items": "recs.readers.read",
    "related_in_shards": "recs.bulk.related",
    "related_items": "recs.related",
    "related_to": "recs.search",
    "save_index": "recs.search",
    "search_items": "recs.search",
    "search_passages": "recs.search",
    "select_to_label": "recs.evaluation.label_review",
    "topics_over_time": "recs.clustering.timeline",
    "train_classifier": "recs.classify",
    "tune_related": "recs.evaluation.tuning",
    "update_related": "recs.writers.update",
    "write_related": "recs.writers.related",
}

__all__ = sorted(_HOME)  # noqa: PLE0605  (sorted() returns the list that the rule asks for)

logging.getLogger(__name__).addHandler(logging.NullHandler())


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module 'recs' has no attribute {name!r}")
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(_HOME))
