"""`import recs` costs nothing until it is used, and its public face is exactly what is written down here."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import recs
from recs.cli import _VERBS

PUBLIC = {
    "Index": "recs.retrieval.index",
    "Hit": "recs.retrieval.hits",
    "build_index": "recs.search",
    "open_index": "recs.search",
    "save_index": "recs.search",
    "search_items": "recs.search",
    "search_passages": "recs.search",
    "related_to": "recs.search",
    "Cache": "recs.embedding.cache",
    "Classifier": "recs.classification.classifier",
    "Clustering": "recs.clustering.result",
    "Collection": "recs.items",
    "Embedder": "recs.embedding.embedder",
    "Embeddings": "recs.embedding.vectors",
    "Item": "recs.items",
    "LabelRules": "recs.classification.labels",
    "Link": "recs.items",
    "Match": "recs.items",
    "Note": "recs.contract",
    "RecsError": "recs.errors",
    "RelatedLists": "recs.ranking.lists",
    "Rules": "recs.ranking.rules",
    "Skipped": "recs.items",
    "EmbedTexts": "recs.bulk.vectors",
    "LocalRunner": "recs.bulk.runners",
    "RayRunner": "recs.bulk.ray_runner",
    "index_in_shards": "recs.bulk.index",
    "related_in_shards": "recs.bulk.related",
    "cluster_items": "recs.cluster",
    "compare_models": "recs.comparison.compare",
    "corpus_digest": "recs.contract",
    "topics_over_time": "recs.clustering.timeline",
    "embed_items": "recs.embedding.pipeline",
    "load_embedder": "recs.embedding.load",
    "load_related": "recs.contract",
    "open_published": "recs.postgres.published",
    "plain_text": "recs.text.plain",
    "publish_result": "recs.postgres.publishing",
    "read_items": "recs.readers.read",
    "related_items": "recs.related",
    "update_related": "recs.writers.update",
    "write_related": "recs.writers.related",
    "audit_related": "recs.evaluation.audit",
    "evaluate_related": "recs.evaluation.rankings",
    "evaluate_search": "recs.evaluation.search",
    "evaluate_topics": "recs.evaluation.topics",
    "evaluate_classifier": "recs.evaluation.classifiers",
    "iter_items": "recs.readers.stream",
    "label_issues": "recs.evaluation.label_review",
    "select_to_label": "recs.evaluation.label_review",
    "train_classifier": "recs.classify",
    "tune_related": "recs.evaluation.tuning",
}

# What the standard library does not have and a process that imports recs may never need.
HEAVY = {"click", "huggingface_hub", "markdown_it", "numpy", "pandas", "platformdirs", "py3langid", "pyarrow", "rich"}
HEAVY |= {"scipy", "selectolax", "sentence_transformers", "sklearn", "tokenizers", "torch", "transformers", "yaml"}

# What no module may import before a function needs it: each costs a second or more.
SLOW = {"matplotlib", "pandas", "pyarrow", "sentence_transformers", "sklearn", "torch", "transformers"}


def loaded_modules(code: str) -> set[str]:
    """Return what `code` adds to the modules of a fresh interpreter, in which every warning is an error."""
    script = (
        "import json, sys\nbefore = set(sys.modules)\n"
        f"{code}\n"
        "sys.__stderr__.write(json.dumps(sorted(set(sys.modules) - before)))"
    )
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, encoding="utf-8", check=False
    )
    assert run.returncode == 0, run.stderr
    names: list[str] = json.loads(run.stderr)
    return set(names)


def packages(modules: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in modules}


def test_import_recs_loads_no_dependency_and_no_submodule() -> None:
    modules = loaded_modules("import recs")
    assert {name for name in modules if name.startswith("recs")} == {"recs"}
    assert packages(modules) & HEAVY == set()


def test_import_recs_adds_few_modules_of_the_standard_library() -> None:
    # A dependency that hides under a name not listed in HEAVY would show here.
    assert packages(loaded_modules("import recs")) - {"recs"} <= packages(
        loaded_modules("import importlib, logging, typing")
    )


def test_every_public_name_is_loaded_without_the_slow_packages() -> None:
    modules = loaded_modules("import recs\nfor name in recs.__all__: getattr(recs, name)")
    assert packages(modules) & SLOW == set()


@pytest.mark.parametrize("verb", ["", *_VERBS])
def test_help_imports_no_numpy(verb: str) -> None:
    arguments = ["recs", *verb.split(), "--help"]
    modules = loaded_modules(
        f"import runpy\nsys.argv = {arguments!r}\n"
        "try: runpy.run_module('recs', run_name='__main__')\n"
        "except SystemExit as stop: assert not stop.code, stop.code"
    )
    assert "click" in modules
    assert packages(modules) & (HEAVY - {"click"}) == set()


def test_all_is_the_pinned_public_surface() -> None:
    assert list(recs.__all__) == sorted(PUBLIC)
    assert recs._HOME == PUBLIC
    assert set(PUBLIC) <= set(dir(recs))


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_public_name_is_the_object_of_its_home_and_documented(name: str) -> None:
    value = getattr(recs, name)
    assert value is getattr(importlib.import_module(PUBLIC[name]), name)
    assert inspect.getdoc(value)


def test_unknown_name_raises_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'recs' has no attribute 'relatd_items'"):
        _ = recs.relatd_items


def test_names_for_type_checkers_are_the_names_at_run_time() -> None:
    tree = ast.parse(Path(recs.__file__).read_text(encoding="utf-8"))
    (block,) = [
        node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
    ]
    told = {}
    for statement in block.body:
        assert isinstance(statement, ast.ImportFrom)
        for alias in statement.names:
            assert alias.asname == alias.name, f"{alias.name}: 'as {alias.name}' makes it an export to type checkers"
            told[alias.name] = statement.module
    assert told == PUBLIC


def test_no_public_name_equals_the_name_of_a_module() -> None:
    # recs.related would be the function or the module, depending on what was imported first.
    modules = {info.name.rpartition(".")[2] for info in pkgutil.walk_packages(recs.__path__, "recs.")}
    assert {"items", "related"} <= modules
    assert modules & set(PUBLIC) == set()
