"""Parquet in object stores, by `file://` addresses and by S3's file system on a folder: what is read and written."""

import json
import shutil
import socket
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import recs
from recs import object_stores
from recs.cli import cli
from recs.errors import MissingDependencyError, OptionError, OutputError, RecsError, SourceError
from recs.object_stores import open_store, without_secrets
from recs.readers.tables import is_data

pyarrow = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")
fs = pytest.importorskip("pyarrow.fs")
WORDS = ["soil", "seed", "garlic", "tea", "bread", "oven", "train", "steam", "rail", "compost", "bed", "onion", "water"]


def write_table(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pyarrow.Table.from_pylist(rows), path)


def posts(first, last):
    texts = ((row, f"{WORDS[row % 13]} {WORDS[row % 7]} {WORDS[row % 5]} garden") for row in range(first, last))
    return [{"id": f"p{row:02}", "title": f"Post {row}", "text": text} for row, text in texts]


@pytest.fixture
def folder(tmp_path):
    """A folder as Spark writes it: two parts of published posts, one of drafts, and files of its own."""
    folder = tmp_path / "posts"
    write_table(folder / "status=published" / "part-0.parquet", posts(0, 12))
    write_table(folder / "status=published" / "part-1.parquet", posts(12, 15))
    write_table(folder / "status=draft" / "part-0.parquet", posts(15, 18))
    for name in ("_SUCCESS", "manifest.json", ".part-0.parquet.crc"):
        (folder / name).write_text("{}")
    return folder


@pytest.fixture
def bucket(tmp_path, monkeypatch):
    """A folder that is the root of S3 in this test."""
    root = tmp_path / "s3"
    (root / "bucket").mkdir(parents=True)

    def opened(address):
        return fs.SubTreeFileSystem(str(root), fs.LocalFileSystem()), without_secrets(address).removeprefix("s3://")

    monkeypatch.setattr(object_stores, "_s3", opened)
    return root / "bucket"


def run(*arguments, code=0):
    done = CliRunner().invoke(cli, [*map(str, arguments)])
    assert done.exit_code == code, (done.output, done.exception)
    return f"{done.output}{done.exception if isinstance(done.exception, RecsError) else ''}"


def tables_in(folder):
    """Return the names of what a reader of tables finds in a folder."""
    files = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(name.as_posix() for name in files if is_data(name))


# Reading.


def test_an_address_is_read_as_the_folder_is(folder, bucket):
    folder.rename(bucket / "posts")
    local = recs.read_items(bucket / "posts")
    assert {item.id for item in local if item.visibility == "draft"} == {"p15", "p16", "p17"}
    for address in ((bucket / "posts").as_uri(), "s3://bucket/posts", "s3://key:secret@bucket/posts/?region=x"):
        there = recs.read_items(address)
        assert there.items == local.items
        assert there.format == local.format == "3 Parquet files in a folder"
        assert there.source == without_secrets(address)
    streamed = list(recs.iter_items("s3://bucket/posts"))
    assert streamed == list(recs.iter_items(bucket / "posts"))
    assert len(streamed) == 18


def test_parts_come_in_the_order_of_a_local_folder(bucket):
    for number, name in enumerate(["b/x", "b-c/x", "a", "B"]):
        write_table(bucket / f"{name}.parquet", posts(number, number + 1))
    local = [item.id for item in recs.read_items(bucket)]
    assert [item.id for item in recs.read_items("s3://bucket")] == local


def test_a_single_file_is_read_by_its_name_or_its_format(bucket):
    write_table(bucket / "posts.parquet", posts(0, 3))
    write_table(bucket / "posts", posts(0, 3))
    assert len(recs.read_items("s3://bucket/posts.parquet")) == 3
    assert len(recs.read_items("s3://bucket/posts", format="parquet")) == 3
    with pytest.raises(SourceError, match=r"s3://bucket/posts: no Parquet by its name; .* reads Parquet alone"):
        recs.read_items("s3://bucket/posts")


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("s3://bucket/mixed", r"s3://bucket/mixed: holds z\.md; from an object store recs reads Parquet alone"),
        ("s3://bucket/posts.json", r"posts\.json: no Parquet by its name; .* a folder of them"),
        ("s3://bucket/torn.parquet", r"s3://bucket/torn\.parquet: not readable as Parquet"),
        ("s3://bucket/nothing", "s3://bucket/nothing: there is no file;"),
        ("s3://", "s3://: names no bucket"),
        ("ftp://me:secret@host/x", "ftp://host/x: ftp:// is not taken; save the file"),
        ("https://host/feed.xml", "https:// is not taken; save the file"),
        ("abfs://box@account.dfs.core.windows.net/x", "abfs:// is not taken; pyarrow ends the whole process"),
        ("zz://me:secret@host/x?y=1", r"zz://host/x: no address that can be opened .*; expected s3://"),
        ("gs://me:secret b@host/x", "gs://host/x: no address that can be opened"),
    ],
)
def test_what_is_not_read_is_said_in_one_line_without_secrets(bucket, address, message):
    write_table(bucket / "mixed" / "a.parquet", posts(0, 3))
    (bucket / "mixed" / "z.md").write_text("# Garlic")
    (bucket / "posts.json").write_text("[]")
    (bucket / "torn.parquet").write_bytes(b"PAR1 torn")
    with pytest.raises(SourceError, match=message) as caught:
        recs.read_items(address)
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)
    assert str(caught.value) in run("read", address, code=1)


def test_another_format_is_refused(bucket):
    write_table(bucket / "posts.parquet", posts(0, 3))
    with pytest.raises(SourceError, match="cannot be read as json; from an object store"):
        recs.read_items("s3://bucket/posts.parquet", format="json")


@pytest.mark.parametrize("rest", ["?region=x&profile=me", "?scheme=http&x", "#part"])
def test_options_of_s3_that_are_not_read_are_refused(rest):
    with pytest.raises(OptionError, match=r"s3://bucket/posts: .* is not read here, expected \?region=…&scheme=…"):
        open_store(f"s3://key:secret@bucket/posts{rest}")


def test_a_refused_connection_is_one_line_that_names_the_variables(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"):
        monkeypatch.setenv(name, "secret")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free.getsockname()[1]}")
        with pytest.raises(SourceError, match=r"^s3://bucket/posts: cannot be read \(.*AWS_ENDPOINT_URL\.$") as caught:
            recs.read_items("s3://bucket/posts")
    assert "secret" not in str(caught.value)


def test_an_address_without_pyarrow_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingDependencyError, match=r"object store needs pyarrow: pip install '.*\[tables\]'"):
        recs.read_items("s3://bucket/posts")


# Writing.


class Watched:
    """A file system that calls `before` with the name of each change, before it is made."""

    def __init__(self, system, before):
        self._system = system
        self._before = before

    def __getattr__(self, name):
        if name in ("open_output_stream", "move", "delete_file", "delete_dir", "create_dir"):
            self._before(name)
        return getattr(self._system, name)


def replace(bucket, tables, before=lambda name: None):
    store = open_store("s3://bucket/result", OutputError)
    object.__setattr__(store, "system", Watched(store.system, before))
    store.replace_tables(tables)
    return contents(bucket / "result")


def contents(folder):
    return sorted((folder / name).read_bytes() for name in tables_in(folder))


OLD = [b"old 1", b"old 2", b"same"]
NEW = [b"new 1", b"new 2", b"same", b"new 4"]


def test_replace_tables_shows_a_whole_result_at_every_moment(bucket):
    assert replace(bucket, OLD) == sorted(OLD)
    seen = []
    assert replace(bucket, NEW, lambda name: seen.append((name, contents(bucket / "result")))) == sorted(NEW)
    assert [name for name, _ in seen if name != "delete_dir"][-5:] == ["move"] * 3 + ["delete_file"] * 2
    for _, shown in seen:
        assert set(shown) <= {*OLD, *NEW}  # nothing torn
        assert set(shown) >= set(OLD) or set(shown) >= set(NEW)
    assert not (bucket / "result" / "_recs-new").exists()


def test_replace_tables_that_fails_anywhere_leaves_a_whole_result_and_the_next_run_mends_it(bucket):
    replace(bucket, OLD)
    steps = []
    replace(bucket, NEW, steps.append)
    replace(bucket, OLD)
    for failing in range(len(steps)):
        made = []

        def fail(name, made=made, failing=failing):
            made.append(name)
            if len(made) > failing:
                raise OSError("the connection is lost")

        with pytest.raises(OutputError, match=r"s3://bucket/result: cannot be written \(the connection is lost\)"):
            replace(bucket, NEW, fail)
        shown = set(contents(bucket / "result"))
        assert shown >= set(OLD) or shown >= set(NEW)
        assert replace(bucket, OLD) == sorted(OLD)


def test_replace_tables_writes_nothing_that_is_there_already(bucket):
    replace(bucket, OLD)
    names = []
    replace(bucket, OLD, names.append)
    assert set(names) <= {"create_dir", "delete_dir"}


def test_replace_tables_keeps_the_old_ones_if_the_new_ones_cannot_be_made(bucket):
    replace(bucket, OLD)

    def made():
        yield b"new 1"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        replace(bucket, made())
    assert contents(bucket / "result") == sorted(OLD)


@pytest.mark.parametrize("name", ["posts.json", "part-00000.parquet", "more/part-00000.0123456789abcdef.parquet", ""])
def test_replace_tables_removes_nothing_that_is_not_its_own(bucket, name):
    path = bucket / "result" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("mine")
    with pytest.raises(OutputError, match=r"s3://bucket/result: holds .*, which is no table that recs wrote there"):
        replace(bucket, NEW)
    assert path.read_text() == "mine"


# The command line.


def lists_in(folder):
    rows = [row for name in tables_in(folder) for row in pq.read_table(folder / name, partitioning=None).to_pylist()]
    return {(row["id"], row["rank"]): row["related_id"] for row in rows}


def test_related_from_an_address_to_an_address_is_the_local_result(folder, bucket, tmp_path):
    folder.rename(bucket / "posts")
    options = ("--signals", "terms", "--now", "2026-11-01", "--format", "parquet")
    run("related", bucket / "posts", *options, "-o", tmp_path / "local")
    said = run("related", "s3://bucket/posts", *options, "-o", "s3://key:secret@bucket/related")
    assert "wrote s3://bucket/related" in said
    assert "secret" not in said
    run("related", (bucket / "posts").as_uri(), *options, "-o", (tmp_path / "by-uri").as_uri())
    local = lists_in(tmp_path / "local")
    assert len(local) > 20
    assert not {f"p{row}" for row in (15, 16, 17)} & {name for name, _ in local}
    assert lists_in(bucket / "related") == lists_in(tmp_path / "by-uri") == local
    assert len(tables_in(bucket / "related")) == 1


def test_a_run_from_or_to_a_store_is_computed_again_and_not_repeated(folder, bucket, tmp_path, monkeypatch):
    monkeypatch.setenv("RECS_CACHE_DIR", str(tmp_path / "cache"))
    command = ("related", folder, "--signals", "terms", "--format", "parquet", "-o", "s3://bucket/related")
    run(*command)
    shutil.rmtree(bucket / "related")
    run(*command)
    assert len(tables_in(bucket / "related")) == 1

    folder.rename(bucket / "posts")
    command = ("related", "s3://bucket/posts", "--signals", "terms", "-o", tmp_path / "related.json")
    run(*command)
    write_table(bucket / "posts" / "status=published" / "part-1.parquet", posts(20, 21))
    run(*command)
    items = json.loads((tmp_path / "related.json").read_text())["items"]
    assert "p20" in items
    assert "p13" not in items


def test_a_target_that_cannot_be_written_is_said_before_anything_is_read(bucket):
    (bucket / "posts.json").write_text("[]")
    said = run("related", "none.json", "--format", "parquet", "-o", "s3://bucket", code=1)
    assert "s3://bucket: holds posts.json" in said


@pytest.mark.parametrize(
    ("verb", "form", "message"),
    [
        ("related", ("--format", "json"), "an object store takes a folder of tables alone: --format parquet"),
        ("related", (), "an object store takes a folder of tables alone: --format parquet"),
        ("cluster", (), "an object store takes a folder of tables alone: --format parquet"),
        ("read", (), "is an address; expected a path"),
    ],
)
def test_an_address_is_no_place_for_other_results(verb, form, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "posts.json").write_text(json.dumps(posts(0, 3)))
    assert message in " ".join(run(verb, "posts.json", *form, "-o", "s3://key:secret@bucket/x.json", code=2).split())
    assert not (tmp_path / "s3:").exists()
    lists = recs.related_items(recs.read_items("posts.json"), signals="terms", cache=False)
    with pytest.raises(OptionError, match=r"s3://bucket/x\.json: an object store takes tables alone"):
        recs.write_related(lists, "s3://key:secret@bucket/x.json")


def options_of(command):
    """Yield each option or argument of a command and of those below it, with the name of its command."""
    for parameter in command.params:
        yield command.name, parameter
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            yield from options_of(command.get_command(context, name))


def test_no_option_of_a_path_makes_a_local_folder_of_an_address():
    takes_addresses = {(verb, "target") for verb in ("related", "embed", "classify", "cluster")} | {("embed", "file")}
    paths = [(verb, option) for verb, option in options_of(cli) if isinstance(option.type, click.Path)]
    assert len(paths) > 20
    for verb, option in paths:
        if (verb, option.name) in takes_addresses:
            assert option.type.convert("s3://a/b", option, None) == "s3://a/b"
        else:
            with pytest.raises(click.BadParameter, match="s3://a/b is an address; expected a path"):
                option.type.convert("s3://me:secret@a/b", option, None)


def test_a_path_that_was_made_of_an_address_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OptionError, match="s3:/bucket/posts: an address must be text"):
        recs.read_items(Path("s3://bucket/posts"))
    lists = recs.related_items(recs.read_items(posts(0, 3)), signals="terms", cache=False)
    with pytest.raises(OptionError, match="s3:/bucket/related: an address must be text"):
        recs.write_related(lists, Path("s3://bucket/related"), format="parquet")
    assert not list(tmp_path.iterdir())


def test_embed_reads_an_address(folder, bucket, tmp_path):
    folder.rename(bucket / "posts")
    said = run("embed", "-f", "s3://bucket/nothing", code=1)
    assert "s3://bucket/nothing: there is no file" in said


@pytest.mark.parametrize("secret", ["se/cret", "s?e", "s#e/x", "a/b?c"])
def test_a_secret_that_is_not_written_for_an_address_is_never_shown(secret):
    address = f"s3://key:{secret}@bucket/x"
    assert without_secrets(address) == "s3://bucket/x"
    with pytest.raises(OptionError, match="s3://bucket/x: in a secret, / is written as %2F") as raised:
        open_store(address)
    assert secret not in str(raised.value)
