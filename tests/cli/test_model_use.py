"""The table of what the verbs do without network and model: it is in the docs, and it is true."""

import pytest
from click.testing import CliRunner
from places import POSTS, ROOT

import recs.models.registry
from recs.cli import cli
from recs.cli.models import MODEL_USE, use_table

ARGUMENTS = {
    "embed": ["garlic"],
    "serve": [],
    "train": [str(POSTS), "--label", "category", "-o", "classifier"],
    "classify": None,  # it needs a classifier first, which needs a model
    "evaluate": [str(POSTS)],
    "audit": [str(POSTS)],
    "tune": [str(POSTS), "-o", "tuned.json"],
}


def test_the_docs_have_the_table():
    assert use_table() in (ROOT / "docs/models.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("verb", MODEL_USE)
def test_a_verb_has_the_option_that_the_table_names(verb):
    command = cli.get_command(None, verb)
    assert bool(MODEL_USE[verb].cached_only) == any("--cached-only" in option.opts for option in command.params)


@pytest.mark.parametrize("verb", [verb for verb in MODEL_USE if ARGUMENTS.get(verb, [str(POSTS)]) is not None])
@pytest.mark.slow
def test_a_verb_does_what_the_table_says_if_no_model_is_here(verb, tmp_path, monkeypatch):
    monkeypatch.setattr(recs.models.registry, "_package_folder", lambda row: None)
    monkeypatch.chdir(tmp_path)
    cache = [] if verb in ("serve",) else ["--cache", "cache"]
    done = CliRunner().invoke(cli, [verb, *ARGUMENTS.get(verb, [str(POSTS)]), *cache])
    is_error = MODEL_USE[verb].without_model == "an error"
    assert done.exit_code == is_error, done.output
    if not is_error:
        assert "by terms alone" in done.stderr
