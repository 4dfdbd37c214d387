"""A model that does not know the language of the items: the verb says so, with what to do, before it embeds them."""

import json

import pytest
from click.testing import CliRunner
from standins import make_embedder

from recs.cli import cli


@pytest.mark.parametrize("command", [["index", "site.json", "-o", "out"], ["search", "site.json", "Beet"]])
def test_note_comes_before_the_items_are_embedded(tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RECS_CACHE_DIR", str(tmp_path / "cache"))
    posts = [{"id": str(row), "text": f"Beet {row} im Herbst.", "lang": "de"} for row in range(4)]
    (tmp_path / "site.json").write_text(json.dumps(posts), "utf-8")

    class Refuses:
        batch_tokens = 64

        def encode(self, texts, *, prompt=""):
            raise AssertionError("the items are embedded")

    embedder = make_embedder(Refuses(), languages=("en",))
    monkeypatch.setattr("recs.embedding.load.find_embedder", lambda *_, **__: embedder)
    monkeypatch.setattr("recs.cli.common.option_values.ModelOptions.find_or_none", lambda *_, **__: embedder)
    result = CliRunner().invoke(cli, command)
    assert "4 in 'de'" in result.stderr
    assert "multilingual-e5-small-4bit" in result.stderr
    assert "--signals terms" in result.stderr
    assert isinstance(result.exception, AssertionError)  # then it was asked for vectors
