"""Folders with half of the files, or with files of another form: a right load or one line that says what is missing."""

import json
import os
import shutil

import checkpoints as make
import layouts
import numpy as np
import pytest

import recs
from recs.errors import ModelError, ModelNotFoundError, WeightsError
from recs.models.convert import convert_weights
from recs.models.folder import read_model
from recs.models.tokenizer import ModelTokenizer

torch = pytest.importorskip("torch")
pytest.importorskip("sentence_transformers")

POINTER = (
    "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32\nsize 12345\n"
)
TEXTS = [*make.TEXTS, "Zwölf Boxkämpfer: naïve; 日本語 too", "[MASK] unaffable garlic-wheels", "a\u00a0b\u200dc\tSOIL"]


def load(folder, **options):
    return recs.load_embedder(str(folder), device="cpu", offline=True, precision="float32", **options)


@pytest.fixture
def tiny(tmp_path):
    """The folder of a tiny BERT, with modules.json and a Pooling."""
    layouts.bert(tmp_path / "model", 48, kind="bert")
    make.sentence_transformers(tmp_path / "model", "Pooling", dim=48)
    return tmp_path / "model"


def change_json(path, **changes):
    content = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    make.write_json(path, {**content, **changes})


# A Pooling without modules.json.


@pytest.mark.parametrize(
    "mode", ["cls", "mean", "max", "lasttoken", "mean_sqrt_len_tokens", "weightedmean", ["cls", "mean"]]
)
def test_pooling_without_modules_is_that_of_its_folder(tiny, mode):
    from sentence_transformers import SentenceTransformer

    change_json(tiny / "config_sentence_transformers.json", similarity_fn_name="dot")  # keeps the length of vectors
    make.write_json(tiny / "1_Pooling" / "config.json", {"word_embedding_dimension": 48, "pooling_mode": mode})
    expected = SentenceTransformer(str(tiny), device="cpu", local_files_only=True).encode(make.TEXTS)
    fingerprint = load(tiny).spec.fingerprint
    (tiny / "modules.json").unlink()
    embedder = load(tiny)
    np.testing.assert_allclose(embedder.embed(make.TEXTS).vectors, expected, atol=2e-6)
    assert embedder.spec.fingerprint == fingerprint
    assert embedder.spec.dim == expected.shape[1]


def test_pooling_without_modules_forbids_another_one(tiny):
    (tiny / "modules.json").unlink()
    with pytest.raises(recs.RecsError, match=r"pooling is 'cls', but .* has 'mean'"):
        load(tiny, pooling="cls")


def test_modules_without_their_list_or_settings_are_named(tiny):
    make.write_json(tiny / "1_Pooling" / "config.json", {"pooling_mode": "median"})
    with pytest.raises(
        ModelError, match=r"1_Pooling: config.json names the pooling 'median', expected one of cls, mean"
    ):
        load(tiny)
    (tiny / "1_Pooling" / "config.json").unlink()
    with pytest.raises(ModelError, match=r"1_Pooling: no config\.json; download"):
        load(tiny)
    make.sentence_transformers(tiny, "Pooling", "Dense", dim=48, dense=[(48, 16, True)])
    (tiny / "modules.json").unlink()
    with pytest.raises(ModelError, match=r"no modules\.json, which must say how 2_Dense is used"):
        load(tiny)


# Weights in parts.


def split(folder, parts=3):
    """Split the weights of a folder into parts with an index; return the names of the parts."""
    tensors = make.read_tensors(folder)
    names = [f"model-{i:05}-of-{parts:05}.safetensors" for i in range(1, parts + 1)]
    where = {name: names[i % parts] for i, name in enumerate(sorted(tensors))}
    for part in names:
        kept = {name: torch.from_numpy(tensors[name]).float() for name in where if where[name] == part}
        make.save_tensors(folder, kept, part)
    (folder / "model.safetensors").unlink()
    make.write_json(folder / "model.safetensors.index.json", {"weight_map": where})
    return names


def test_weights_in_parts_equal_the_whole(tiny):
    expected = load(tiny).embed(TEXTS).vectors
    split(tiny)
    np.testing.assert_array_equal(load(tiny).embed(TEXTS).vectors, expected)


@pytest.mark.parametrize("index", [True, False])
def test_parts_that_are_missing_are_named(tiny, index):
    first, second, third = split(tiny)
    (tiny / first).unlink()
    (tiny / third).unlink()
    if not index:
        (tiny / "model.safetensors.index.json").unlink()
    with pytest.raises(WeightsError, match=f"2 of the 3 files of its weights are missing: {first}, {third}; download"):
        load(tiny)
    (tiny / second).unlink()
    if index:
        with pytest.raises(WeightsError, match="3 of the 3 files"):
            load(tiny)


@pytest.mark.parametrize("cut", [4, 60, 5_000, -1])
def test_part_that_is_torn_is_named_before_anything_is_computed(tiny, cut):
    second = tiny / split(tiny)[1]
    second.write_bytes(second.read_bytes()[:cut])
    with pytest.raises(WeightsError, match=rf"{second}: not a whole safetensors file \(.*\); download it again"):
        load(tiny)


def test_index_that_is_not_one_or_names_files_elsewhere_is_refused(tiny):
    split(tiny)
    index = tiny / "model.safetensors.index.json"
    for content, said in (
        ({"weight_map": [1]}, "is not a table"),
        ({"weight_map": {"a": "../b"}}, "'../b' is not the name"),
    ):
        make.write_json(index, content)
        with pytest.raises(ModelError, match=said):
            load(tiny)


def test_convert_names_the_parts_that_are_missing_and_pointers(tmp_path):
    where = {"a": "pytorch_model-00001-of-00002.bin", "b": "pytorch_model-00002-of-00002.bin"}
    make.write_json(tmp_path / "pytorch_model.bin.index.json", {"weight_map": where})
    torch.save({"a": torch.zeros(2)}, tmp_path / where["a"])
    with pytest.raises(WeightsError, match=f"1 of the 2 files of its weights are missing: {where['b']}"):
        convert_weights(tmp_path)
    (tmp_path / where["b"]).write_text(POINTER)
    with pytest.raises(ModelError, match=f"{where['b']}: a git-lfs pointer .*: git lfs pull"):
        convert_weights(tmp_path)
    assert not list(tmp_path.glob("*.safetensors"))


# Pointers of git-lfs.


@pytest.mark.parametrize(
    "name", ["model.safetensors", "tokenizer.json", "config.json", "modules.json", "1_Pooling/config.json"]
)
def test_pointer_in_place_of_a_file_says_what_to_run(tiny, name):
    (tiny / name).write_text(POINTER)
    with pytest.raises(ModelError, match=rf"{tiny / name}: a git-lfs pointer in place of the file; .*: git lfs pull$"):
        load(tiny)


@pytest.mark.parametrize("name", ["onnx/model.onnx", "vocab.txt"])
def test_pointer_in_place_of_what_replaces_a_missing_file_says_so(tiny, name):
    for unused in ("model.safetensors", "tokenizer.json"):
        if name == "onnx/model.onnx" or unused == "tokenizer.json":
            (tiny / unused).unlink()
    (tiny / name).parent.mkdir(exist_ok=True)
    (tiny / name).write_text(POINTER)
    with pytest.raises(ModelError, match=rf"{tiny / name}: a git-lfs pointer"):
        load(tiny, engine="onnx")


# Tokenizers.


@pytest.mark.parametrize("kind", ["BertTokenizer", "BertTokenizerFast", "MPNetTokenizer", None])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"do_lower_case": False},
        {"do_lower_case": True, "strip_accents": False},
        {"do_lower_case": False, "strip_accents": True},
        {"tokenize_chinese_chars": False},
    ],
)
def test_vocabulary_alone_gives_the_ids_of_transformers(tmp_path, kind, settings):
    from transformers import BertTokenizer, MPNetTokenizer

    layouts.bert(tmp_path, 48, kind="mpnet" if kind == "MPNetTokenizer" else "bert")
    (tmp_path / "tokenizer.json").unlink()
    words = (tmp_path / "vocab.txt").read_text(encoding="utf-8") + "ö\nä\n日\n本\n語\n日本語\nboxk\n##mpfer\n"
    if kind == "MPNetTokenizer":
        words = "".join(f"{token}\n" for token in ("<s>", "<pad>", "</s>", "<mask>")) + words
    (tmp_path / "vocab.txt").write_text(words, encoding="utf-8")
    make.write_json(tmp_path / "tokenizer_config.json", settings | ({"tokenizer_class": kind} if kind else {}))
    theirs = (MPNetTokenizer if kind == "MPNetTokenizer" else BertTokenizer).from_pretrained(tmp_path)
    assert ModelTokenizer(tmp_path).ids(TEXTS) == [theirs(text)["input_ids"] for text in TEXTS]


def test_vocabulary_alone_gives_the_vectors_and_the_space_of_tokenizer_json(tiny):
    with_file = load(tiny)
    expected = with_file.embed(TEXTS).vectors
    (tiny / "tokenizer.json").unlink()
    assert load(tiny).spec.fingerprint == with_file.spec.fingerprint
    np.testing.assert_array_equal(load(tiny).embed(TEXTS).vectors, expected)


def test_vocabulary_that_says_too_little_is_not_guessed_about(tiny):
    (tiny / "tokenizer.json").unlink()
    vocabulary, settings = tiny / "vocab.txt", tiny / "tokenizer_config.json"
    words = vocabulary.read_text(encoding="utf-8")
    vocabulary.write_text(words + "Soil\n", encoding="utf-8")
    change_json(settings, do_lower_case=None)
    with pytest.raises(ModelError, match=r'has capital letters, .*write it: \{"do_lower_case": false\}'):
        load(tiny)
    change_json(settings, do_lower_case=True)
    vocabulary.write_text(words.replace("[SEP]\n", ""), encoding="utf-8")
    with pytest.raises(ModelError, match=r"vocab\.txt: lacks \[SEP\]"):
        load(tiny)
    vocabulary.write_bytes(b"caf\xe9\n")
    with pytest.raises(ModelError, match=r"vocab\.txt: not UTF-8"):
        load(tiny)


@pytest.mark.parametrize(
    ("settings", "files", "said"),
    [
        (
            {"tokenizer_class": "BertJapaneseTokenizer"},
            ["vocab.txt"],
            "but vocab.txt of BertJapaneseTokenizer; download",
        ),
        (
            {"tokenizer_class": "XLMRobertaTokenizer"},
            ["sentencepiece.bpe.model"],
            "but sentencepiece.bpe.model of XLMR",
        ),
        (
            {"tokenizer_class": "RobertaTokenizer"},
            ["vocab.json", "merges.txt"],
            "but merges.txt, vocab.json of Roberta",
        ),
        (
            {"tokenizer_class": "BertTokenizer", "do_basic_tokenize": False},
            ["vocab.txt"],
            "differ from those of a plain",
        ),
        ({}, [], r"no tokenizer\.json; download it into this folder"),
    ],
)
def test_other_tokenizer_without_tokenizer_json_says_what_is_there_and_what_to_do(tiny, settings, files, said):
    for name in ("tokenizer.json", "vocab.txt"):
        (tiny / name).unlink()
    make.write_json(tiny / "tokenizer_config.json", settings)
    for name in files:
        (tiny / name).write_bytes(b"a\n")
    with pytest.raises(ModelError, match=said) as caught:
        load(tiny)
    assert "\n" not in str(caught.value)
    assert ("AutoTokenizer" in str(caught.value)) == bool(files)


# Whole folders.


def test_what_is_no_folder_of_a_model_is_one_line(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match=r"empty: neither modules\.json nor config\.json"):
        load(tmp_path / "empty")
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"")
    for name in (path, f"LEALLA-small={path}"):
        with pytest.raises(ModelNotFoundError, match=r"model\.safetensors: a file; expected the folder of a model"):
            load(name)


def test_file_in_place_of_a_folder_is_not_looked_for_on_a_hub(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(ModelNotFoundError, match=r"^model\.safetensors: a file; expected the folder"):
        recs.load_embedder("model.safetensors")


def test_dimension_in_the_config_that_is_not_that_of_the_weights_names_both(tiny):
    change_json(tiny / "config.json", hidden_size=96)
    with pytest.raises(
        WeightsError, match=r"of shape \(\d+, 48\), but config\.json makes it a float of shape \(\d+, 96\)"
    ):
        load(tiny).embed(["soil"])


@pytest.mark.parametrize("content", ["", "{", "[]", "null", POINTER])
@pytest.mark.parametrize("name", ["config.json", "modules.json", "tokenizer.json", "tokenizer_config.json"])
def test_json_that_is_wrong_is_one_line_that_names_the_file(tiny, name, content):
    (tiny / name).write_text(content)
    if (name, content) != ("modules.json", "[]"):
        with pytest.raises(ModelError, match=name) as caught:
            load(tiny).embed(["soil"])
        assert "\n" not in str(caught.value)


def as_in_a_hub(folder, root):
    """Write a folder as the cache of a hub does: snapshots of links to blobs, and refs."""
    repository = root / "models--a--b"
    (repository / "blobs").mkdir(parents=True)
    for i, path in enumerate(sorted(path for path in folder.rglob("*") if path.is_file())):
        shutil.copyfile(path, repository / "blobs" / str(i))
        link = repository / "snapshots" / "abc" / path.relative_to(folder)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(os.path.relpath(repository / "blobs" / str(i), link.parent))
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("abc")
    return repository


def test_links_of_a_hub_cache_are_followed_and_one_to_nothing_is_named(tiny, tmp_path, monkeypatch):
    repository = as_in_a_hub(tiny, tmp_path / "hub")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    np.testing.assert_array_equal(load("a/b").embed(TEXTS).vectors, load(tiny).embed(TEXTS).vectors)
    assert load("a/b").spec.fingerprint == load(tiny).spec.fingerprint
    for name in ("model.safetensors", "tokenizer.json", "config.json", "modules.json"):
        link = repository / "snapshots" / "abc" / name
        blob = link.resolve()
        content = blob.read_bytes()
        blob.unlink()
        with pytest.raises(ModelError, match=rf"{name}: a link to a file that is missing; download"):
            load("a/b")
        blob.write_bytes(content)
    (repository / "refs" / "main").write_bytes(b"\xff\xfe")
    assert read_model("a/b").dim == 48
