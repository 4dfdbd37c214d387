import hashlib
import sqlite3

import pytest

from recs import Cache, Item
from recs.embedding.cache_file import FILE_NAME
from recs.readers.folders.locales import is_language
from recs.text import languages
from recs.text.languages import item_languages, primary_language, uncovered_note

GERMAN = (
    "Im Februar stehen die Tomaten noch auf der Fensterbank, und ich drehe die Töpfe jeden Morgen ein Stück, damit sie "
    "nicht schief zum Licht wachsen. Vor den Eisheiligen kommt keine hinaus, das habe ich mir nach dem Frost im "
    "vorletzten Jahr geschworen."
)
ENGLISH = (
    "In February the tomatoes still stand on the window sill, and I turn the pots a little every morning so that they "
    "do not grow crooked towards the light. None goes out before the middle of May, as I swore after the frost of two "
    "years ago."
)


@pytest.mark.parametrize(
    ("code", "primary"),
    [
        *(("en", "en"), ("pt-BR", "pt"), ("zh_Hans", "zh"), ("DE", "de"), ("", None), (None, None), ("-", None)),
        *(("eng", "en"), ("English (US)", "en"), ("ger", "de"), ("Deutsch", "de"), ("zho", "zh"), ("iw", "he")),
        *(("und", None), ("python", None), ("xx", None), ("C", None)),
    ],
)
def test_primary_language(code, primary):
    assert primary_language(code) == primary


def test_item_languages_declared_wins_and_short_text_is_not_guessed():
    items = [
        Item(id="1", text=GERMAN),
        Item(id="2", text=ENGLISH),
        Item(id="3", text=GERMAN, lang="fr-CA"),
        Item(id="4", text="Guten Tag"),
    ]
    assert item_languages(items) == ["de", "en", "fr", None]


def test_item_languages_asks_once(tmp_path, monkeypatch):
    items = [Item(id="1", text=GERMAN)]
    with Cache(tmp_path) as cache:
        assert item_languages(items, cache) == ["de"]
        monkeypatch.setattr("recs.text.languages._identifier", lambda: pytest.fail("guessed again"))
        assert item_languages(items, cache) == ["de"]


def test_item_languages_are_kept_as_one_byte_each(tmp_path):
    items = [Item(id="1", text=GERMAN), Item(id="2", text=ENGLISH), Item(id="3", text="0101 1100 " * 60)]
    for _ in range(2):
        with Cache(tmp_path) as cache:
            assert item_languages(items, cache) == ["de", "en", None]
    with sqlite3.connect(tmp_path / FILE_NAME) as connection:
        values = {value for (value,) in connection.execute("SELECT value FROM chunks")}
    connection.close()
    assert len(values) == 3
    assert {len(value) for value in values} == {1}
    assert bytes([0]) in values


def test_item_languages_records_of_an_older_version_are_not_read(tmp_path):
    text = f"language/1\n{GERMAN}".encode()
    with Cache(tmp_path) as cache:
        cache.put_chunks({hashlib.sha256(text).digest()[:20]: b"en"})
        assert item_languages([Item(id="1", text=GERMAN)], cache) == ["de"]


def test_list_that_records_point_into_is_that_of_its_version():
    digest = hashlib.sha256(" ".join(languages._LISTED).encode()).hexdigest()
    assert (languages._VERSION, digest[:12]) == ("language/2", "469b2b0bf75c"), "another list needs another version"
    assert len(languages._LISTED) <= 255


def test_every_code_of_the_guesser_has_a_place():
    codes = {str(code) for code in languages._identifier().nb_classes}
    assert {code for code in codes if len(code) == 2} <= set(languages._LISTED)


def test_item_languages_noise_has_none():
    assert item_languages([Item(id="1", text="0101 1100 " * 60)]) == [None]


def test_uncovered_note_counts_and_keeps_silent():
    note = uncovered_note(["en", "de", "de", None, "fr"], ("en",), "MiniLM")
    assert note is not None
    assert "2 in 'de', 1 in 'fr'" in note
    assert uncovered_note(["en", None], ("en",), "MiniLM") is None
    assert uncovered_note(["de"], (), "unknown model") is None


def test_names_of_folders_are_judged_by_the_same_list():
    assert {code for code in languages.LANGUAGES if not is_language(code)} == {"sh"}
