"""Related lists, topics, tags and search for a pile of writing, from open-source text embedding models.

The names below are the public face of the package. Each is imported when it is first used, so that `import recs` costs
nothing in a process that may never need it.
"""

import importlib
import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from recs.audit import audit_related as audit_related
    from recs.cache import Cache as Cache
    from recs.classifier import Classifier as Classifier
    from recs.classify import train_classifier as train_classifier
    from recs.cluster import cluster_items as cluster_items
    from recs.clustering import Clustering as Clustering
    from recs.clustering import topics_over_time as topics_over_time
    from recs.contract import corpus_digest as corpus_digest
    from recs.contract import load_related as load_related
    from recs.embed import embed_items as embed_items
    from recs.embedder import Embedder as Embedder
    from recs.embedder import load_embedder as load_embedder
    from recs.embeddings import Embeddings as Embeddings
    from recs.errors import RecsError as RecsError
    from recs.evaluate import evaluate_related as evaluate_related
    from recs.holdout import evaluate_classifier as evaluate_classifier
    from recs.items import Collection as Collection
    from recs.items import Item as Item
    from recs.items import Link as Link
    from recs.items import Match as Match
    from recs.items import Skipped as Skipped
    from recs.labelling import label_issues as label_issues
    from recs.labelling import select_to_label as select_to_label
    from recs.labels import LabelRules as LabelRules
    from recs.readers import read_items as read_items
    from recs.related import RelatedLists as RelatedLists
    from recs.related import related_items as related_items
    from recs.rules import Rules as Rules
    from recs.tune import tune_related as tune_related
    from recs.writers import write_related as write_related

__version__ = "0.1.0"

_HOME = {
    "Cache": "recs.cache",
    "Classifier": "recs.classifier",
    "Clustering": "recs.clustering",
    "Collection": "recs.items",
    "Embedder": "recs.embedder",
    "Embeddings": "recs.embeddings",
    "Item": "recs.items",
    "LabelRules": "recs.labels",
    "Link": "recs.items",
    "Match": "recs.items",
    "RecsError": "recs.errors",
    "RelatedLists": "recs.related",
    "Rules": "recs.rules",
    "Skipped": "recs.items",
    "audit_related": "recs.audit",
    "cluster_items": "recs.cluster",
    "corpus_digest": "recs.contract",
    "embed_items": "recs.embed",
    "evaluate_classifier": "recs.holdout",
    "evaluate_related": "recs.evaluate",
    "label_issues": "recs.labelling",
    "load_embedder": "recs.embedder",
    "load_related": "recs.contract",
    "read_items": "recs.readers",
    "related_items": "recs.related",
    "select_to_label": "recs.labelling",
    "topics_over_time": "recs.clustering",
    "train_classifier": "recs.classify",
    "tune_related": "recs.tune",
    "write_related": "recs.writers",
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
