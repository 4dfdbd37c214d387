"""Zip archives: whatever is in them, nothing is written outside the temporary folder, and nothing of it stays.

RECS_FUZZ=40 tries 40 times as many.
"""

import io
import os
import stat
import struct
import tempfile
import tracemalloc
import zlib
from dataclasses import dataclass, replace
from zipfile import ZIP_BZIP2, ZIP_DEFLATED, ZipFile, ZipInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import recs
from recs.errors import SourceError
from recs.readers import archives
from recs.readers.archives import opened_archive

_FUZZ = int(os.environ.get("RECS_FUZZ", "1"))
UTF8 = 0x800


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    """Make all temporary folders in one place, and look at the end whether it is empty."""
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    yield place
    assert not list(place.iterdir()), "something was left behind"
    assert [path.name for path in tmp_path.iterdir()] == ["temporary"], "something was written elsewhere"


@dataclass(frozen=True)
class Member:
    """A member as it is in the bytes of an archive; what is None is computed."""

    name: bytes
    data: bytes = b"Plant it."
    method: int = 0
    flags: int = 0
    size: int | None = None
    offset: int | None = None
    mode: int = 0


def _zip(*members, comment=b""):
    """Return an archive with any names, sizes and places, as no tool writes it."""
    body, listing = b"", b""
    for member in members:
        packed = member.data
        if member.method == ZIP_DEFLATED:
            packer = zlib.compressobj(9, zlib.DEFLATED, -15)
            packed = packer.compress(member.data) + packer.flush()
        size = len(member.data) if member.size is None else member.size
        offset = len(body) if member.offset is None else member.offset
        shared = (
            20,
            member.flags,
            member.method,
            0,
            0,
            zlib.crc32(member.data),
            len(packed),
            size,
            len(member.name),
            0,
        )
        body += b"PK\3\4" + struct.pack("<5H3L2H", *shared) + member.name + packed
        more = (0, 0, 0, member.mode << 16, offset)
        listing += b"PK\1\2" + struct.pack("<6H3L2H", 3 << 8, *shared) + struct.pack("<3H2L", *more) + member.name
    count = min(len(members), 65535)
    end = struct.pack("<4H2LH", 0, 0, count, count, len(listing), len(body), len(comment))
    return body + listing + b"PK\5\6" + end + comment


def _plain(files):
    """Return an archive as Python writes it."""
    data = io.BytesIO()
    with ZipFile(data, "w", ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return data.getvalue()


def _names(data):
    with opened_archive(data, "x.zip") as archive:
        return archive.names


def _contents(data):
    with opened_archive(data, "x.zip") as archive:
        root = archive.unpack()
        files = sorted(path for path in root.rglob("*") if path.is_file())
        contents = {path.relative_to(root).as_posix(): path.read_bytes() for path in files}
        assert tuple(sorted(contents)) == archive.names
        assert all(archive.read(name) == content for name, content in contents.items())
        return contents


def test_opened_archive_unpacks_and_removes(temporary):
    data = _plain({"garlic.md": "# Garlic", "notes/leeks.md": "# Leeks"})
    with opened_archive(data, "x.zip") as archive:
        assert archive.names == ("garlic.md", "notes/leeks.md")
        assert archive.read("notes/leeks.md") == b"# Leeks"
        assert not list(temporary.iterdir()), "nothing is unpacked before it is needed"
        root = archive.unpack()
        assert archive.unpack() == root
        assert (root / "notes/leeks.md").read_text() == "# Leeks"
        assert root.is_relative_to(temporary)


@pytest.mark.parametrize(
    "error", [ValueError("mine"), OSError("mine"), KeyboardInterrupt("mine"), GeneratorExit("mine")]
)
def test_opened_archive_removes_after_an_exception_and_does_not_change_it(error):
    def fail():
        with opened_archive(_plain({"a.md": "A"}), "x.zip") as archive:
            archive.unpack()
            raise error

    with pytest.raises(type(error), match="mine"):
        fail()


def test_opened_archive_removes_when_its_reader_stops_early():
    def records():
        with opened_archive(_plain({"a.md": "A", "b.md": "B"}), "x.zip") as archive:
            yield from sorted(archive.unpack().iterdir())

    reader = records()
    assert next(reader).name == "a.md"
    reader.close()


def test_opened_archive_takes_a_path(tmp_path, temporary):
    path = temporary / "x.zip"
    path.write_bytes(_plain({"a.md": "A"}))
    with opened_archive(path, "x.zip") as archive:
        assert archive.read("a.md") == b"A"
    path.unlink()
    for place in (path, temporary):
        with pytest.raises(SourceError, match=r"^x.zip: cannot be read \("), opened_archive(place, "x.zip"):
            pass


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["blog/a.md", "blog/b/c.md"], ("a.md", "b/c.md")),
        (["blog/", "blog/a.md"], ("a.md",)),
        (["a.md", "blog/b.md"], ("a.md", "blog/b.md")),
        (["a.md"], ("a.md",)),
        (["x/y/a.md", "x/y/b.md"], ("y/a.md", "y/b.md")),
        (["_drafts/a.md"], ("_drafts/a.md",)),
        (["Private/a.md", "Private/b.md"], ("Private/a.md", "Private/b.md")),
        (["blog/_drafts/a.md"], ("_drafts/a.md",)),
        (["blog/a.md", "__MACOSX/blog/._a.md", "blog/.DS_Store", "._blog"], ("a.md",)),
        (["blog/a.md", "photo.jpg", "blog/b.PNG", "font.woff2"], ("a.md",)),
        (["posts\\a.html", "posts.csv"], ("posts.csv", "posts/a.html")),
    ],
)
def test_opened_archive_a_single_top_folder_is_the_root(names, expected):
    assert _names(_zip(*(Member(name.encode()) for name in names))) == expected


def test_opened_archive_what_systems_add_is_left_out_silently():
    with opened_archive(_plain({"__MACOSX/._a.md": "x", ".DS_Store": "x", "a.md": "A"}), "x.zip") as archive:
        assert archive.skipped == ()


@pytest.mark.parametrize(
    ("name", "flags", "expected"),
    [
        ("knoblauch-für-immer.md", UTF8, "knoblauch-für-immer.md"),
        ("knoblauch-für-immer.md", 0, "knoblauch-für-immer.md"),
        ("大蒜.md", 0, "大蒜.md"),
        ("plain name.md", 0, "plain name.md"),
    ],
)
def test_opened_archive_names_in_utf8(name, flags, expected):
    assert _names(_zip(Member(name.encode(), flags=flags))) == (expected,)


def test_opened_archive_names_in_cp437():
    assert _names(_zip(Member("für.md".encode("cp437")))) == ("für.md",)


UNSAFE = [
    "../a.md",
    "x/../../a.md",
    "/a.md",
    "//host/share/a.md",
    "..\\a.md",
    "x\\..\\..\\a.md",
    "C:\\a.md",
    "c:a.md",
    "x/d:/a.md",
    "\\\\host\\share\\a.md",
    ".",
    "..",
    "./a.md",
    "x//a.md",
    "x/./a.md",
    "con",
    "NUL.md",
    "x/lpt1.txt",
    "aux/a.md",
    "a.md.",
    "a. /b.md",
    "a\nb.md",
    "a\x1b[31m.md",
    "a\x7f.md",
]


@pytest.mark.parametrize("name", UNSAFE)
def test_opened_archive_unsafe_names_are_reported_and_not_written(name):
    data = _zip(Member(name.encode(), b"evil"), Member(b"good.md", b"good"))
    with opened_archive(data, "x.zip") as archive:
        assert archive.names == ("good.md",)
        (skipped,) = archive.skipped
        assert "a name that leads out" in skipped.reason
        assert skipped.where.isprintable()
        assert [path.name for path in archive.unpack().rglob("*")] == ["good.md"]


@pytest.mark.parametrize("name", ["x" * 300 + ".md", "ü" * 200 + ".md", "/".join("x" * 60), "/".join(["x" * 100] * 11)])
def test_opened_archive_long_names_are_reported(name):
    with opened_archive(_zip(Member(name.encode(), flags=UTF8), Member(b"good.md")), "x.zip") as archive:
        assert (archive.names, archive.skipped[0].reason) == (("good.md",), "a name that is too long")


@pytest.mark.parametrize(
    ("member", "reason"),
    [
        (Member(b"a.md", b"/etc/passwd", mode=stat.S_IFLNK | 0o777), "a link, which is not followed"),
        (Member(b"a.md", mode=stat.S_IFIFO), "a device, not a file"),
        (Member(b"a.md", mode=stat.S_IFCHR), "a device, not a file"),
        (Member(b"Part-1.zip"), "an archive inside the archive, which is not opened; unpack it and give it alone"),
        (Member(b"x.tar.GZ"), "an archive inside the archive, which is not opened; unpack it and give it alone"),
    ],
)
def test_opened_archive_members_that_are_not_read_are_reported(member, reason):
    with opened_archive(_zip(member, Member(b"good.md")), "x.zip") as archive:
        assert (archive.names, [skipped.reason for skipped in archive.skipped]) == (("good.md",), [reason])
    with pytest.raises(SourceError) as caught:
        _names(_zip(member))
    assert reason in str(caught.value)


def test_opened_archive_equal_duplicates_are_reported_and_others_are_an_error():
    with opened_archive(_zip(Member(b"a.md"), Member(b"a.md")), "x.zip") as archive:
        assert archive.names == ("a.md",)
        assert archive.skipped[0].reason == "the same file as an earlier member of the archive"
    with pytest.raises(SourceError, match=r"^x.zip/posts.csv: two files with this name differ; unpack the archive"):
        _names(_zip(Member(b"posts.csv", b"1"), Member(b"posts.csv", b"2")))


def test_opened_archive_file_that_is_also_a_folder_is_an_error():
    data = _zip(Member(b"a"), Member(b"a/b.md"), Member(b"c.md"))
    with (
        opened_archive(data, "x.zip") as archive,
        pytest.raises(SourceError, match=r"^x\.zip/a/b\.md: cannot be unpacked"),
    ):
        archive.unpack()


@pytest.mark.parametrize(
    "member", [Member(b"posts.csv", flags=1), Member(b"a.md", method=ZIP_BZIP2), Member(b"a", method=99)]
)
def test_opened_archive_that_cannot_be_read_completely_is_an_error(member):
    with pytest.raises(SourceError, match="1 files that are encrypted, or compressed by a method that recs does not"):
        _names(_zip(member, Member(b"posts/a.html")))
    assert _names(_zip(replace(member, name=b"photo.jpg"), Member(b"a.html"))) == ("a.html",)


@pytest.mark.parametrize("name", [b"[Content_Types].xml", b"META-INF/container.xml", b"META-INF/manifest.xml"])
def test_opened_archive_office_document_is_an_error(name):
    with pytest.raises(SourceError, match="an office document or a book"):
        _names(_zip(Member(name), Member(b"word/document.xml")))


def test_opened_archive_size_is_bounded_before_anything_is_written(monkeypatch):
    claimed = [Member(f"{number}.md".encode(), size=3 << 30) for number in range(4)]
    with pytest.raises(SourceError, match=r"^x.zip: unpacks to 12,884,901,888 bytes; at most 104,857,600 are read"):
        _names(_zip(*claimed))
    monkeypatch.setattr(archives, "_FREE_BYTES", 10_000)
    with pytest.raises(SourceError, match="unpacks to 1,000,000 bytes"):
        _names(_zip(Member(b"a.md", bytes(1_000_000), ZIP_DEFLATED)))
    assert _names(_zip(Member(b"a.md", bytes(9_000), ZIP_DEFLATED))) == ("a.md",)
    assert _names(_zip(Member(b"a.md", os.urandom(20_000), ZIP_DEFLATED))) == ("a.md",)


def test_opened_archive_member_of_ten_gigabytes(monkeypatch):
    """The size is in an extra field, as in archives of more than 4 GiB."""
    data = io.BytesIO()
    with ZipFile(data, "w") as archive:
        archive.writestr(ZipInfo("a.md"), "Plant it.")
        archive.infolist()[0].file_size = 10 << 30
    with pytest.raises(SourceError, match="unpacks to 10,737,418,240 bytes"):
        _names(data.getvalue())


@pytest.mark.parametrize("size", [0, 1, 5])
def test_opened_archive_member_with_a_wrong_size_is_an_error(size):
    data = _zip(Member(b"a.md", b"Plant it in October.", ZIP_DEFLATED, size=size), Member(b"b.md"))
    with opened_archive(data, "x.zip") as archive:
        with pytest.raises(SourceError, match=r"^x\.zip/a\.md: cannot be read, the zip archive is damaged"):
            archive.read("a.md")
        with pytest.raises(SourceError, match=r"^x\.zip/a\.md: cannot be read, the zip archive is damaged"):
            archive.unpack()


def test_opened_archive_read_is_bounded():
    with opened_archive(_plain({"a.md": "A" * 1000}), "x.zip") as archive:
        assert len(archive.read("a.md", 1000)) == 1000
        with pytest.raises(SourceError, match=r"^x.zip/a.md: 1,000 bytes; at most 999 are read\.$"):
            archive.read("a.md", 999)


def test_opened_archive_members_that_overlap_are_an_error():
    bomb = bytes(1_000_000)
    members = [Member(b"0.md", bomb, ZIP_DEFLATED)]
    members += [replace(members[0], name=f"{number}.md".encode(), offset=0) for number in range(1, 50)]
    with pytest.raises(SourceError, match="its members overlap"):
        _names(_zip(*members))
    with pytest.raises(SourceError, match="its members overlap"):
        _names(_zip(Member(b"a.md", offset=10_000), Member(b"b.md")))


def test_opened_archive_quoted_overlap_in_the_manner_of_fifield(monkeypatch):
    """Each member holds the headers of all later ones as literal blocks, then one common kernel."""
    kernel = zlib.compressobj(9, zlib.DEFLATED, -15)
    content = kernel.compress(bytes(5_000_000)) + kernel.flush()
    files, listing, tail, plain = b"", b"", content, bytes(5_000_000)
    for number in reversed(range(30)):
        name = f"{number:02}".encode()
        shared = (20, 0, 8, 0, 0, zlib.crc32(plain), len(tail), len(plain), len(name), 0)
        header = b"PK\3\4" + struct.pack("<5H3L2H", *shared) + name
        listing += b"PK\1\2" + struct.pack("<6H3L2H", 20, *shared) + struct.pack("<3H2L", 0, 0, 0, 0, 0) + name
        quoted = b"\0" + struct.pack("<HH", len(header), len(header) ^ 0xFFFF) + header
        files = header + tail
        tail, plain = quoted + tail, header + plain
    offset, places = 0, []
    for _ in range(30):
        places.append(offset)
        offset += 32 + 5
    listing = _with_offsets(listing, places[::-1])
    end = struct.pack("<4H2LH", 0, 0, 30, 30, len(listing), len(files), 0)
    data = files + listing + b"PK\5\6" + end
    with pytest.raises(SourceError, match=r"unpacks to|its members overlap"):
        _names(data)
    monkeypatch.setattr(archives, "_FREE_BYTES", 1 << 40)
    with pytest.raises(SourceError, match="its members overlap"):
        _names(data)


def _with_offsets(listing, offsets):
    parts = listing.split(b"PK\1\2")[1:]
    return b"".join(b"PK\1\2" + p[:38] + struct.pack("<L", o) + p[42:] for p, o in zip(parts, offsets, strict=True))


def test_opened_archive_nested_bomb_is_not_opened():
    layer = _plain({"0.txt": "0" * 1_000_000})
    for _ in range(5):
        layer = _plain({f"{number}.zip": layer for number in range(16)})
    with pytest.raises(SourceError, match="an archive inside the archive, which"):
        _names(layer)


def test_opened_archive_number_of_members_is_bounded(monkeypatch):
    many = _zip(*(Member(b"%d" % number, b"") for number in range(300)))
    assert len(_names(many)) == 300
    monkeypatch.setattr(archives, "MOST_MEMBERS", 299)
    with pytest.raises(SourceError, match="more than 299 members"):
        _names(many)
    deep = [Member(b"%d/" % number + b"x/" * 40 + b"a.md") for number in range(20)]
    with pytest.raises(SourceError, match="more than 299 folders"):
        _names(_zip(*deep))
    monkeypatch.setattr(archives, "_MOST_NAMES", 1000)
    with pytest.raises(SourceError, match="more than 299 members"):
        _names(_zip(*(Member(b"x" * 200, b"") for _ in range(10))))


def test_opened_archive_memory_is_that_of_the_list_and_one_piece(temporary):
    data = _plain({f"{number}.md": bytes(20_000_000) for number in range(4)})
    tracemalloc.start()
    try:
        with opened_archive(data, "x.zip") as archive:
            archive.unpack()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4_000_000


@pytest.mark.parametrize("cut", [0, 1, 3, 4, 20, 30, 60, 100, -1, -10, -21, -22, -23])
def test_opened_archive_truncated_is_one_line(cut):
    data = _plain({"a.md": "Plant it.", "b.md": "Sow it."})[:cut]
    with pytest.raises(SourceError) as caught:
        _contents(data)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("x.zip: ")


def test_opened_archive_no_configuration_outside_is_looked_for(temporary):
    from recs.readers.folders.sites import find_site

    (temporary / "_config.yml").write_text("exclude: [a.md]")
    with opened_archive(_plain({"a.md": "A", "b.md": "B"}), "x.zip") as archive:
        assert find_site(archive.unpack())[0].generator == ""
    (temporary / "_config.yml").unlink()


def test_opened_archive_of_substack_is_read_like_its_folder():
    table = "post_id,title,is_published,audience\n1.garlic,Garlic,true,everyone\n2.leeks,Leeks,false,everyone\n"
    data = _plain({"posts.csv": table, "posts/1.garlic.html": "<p>Plant it.</p>", "posts/2.leeks.html": "<p>Sow.</p>"})
    with opened_archive(data, "x.zip") as archive:
        items = recs.read_items(archive.unpack())
    assert [(item.id, item.is_public) for item in items] == [("1.garlic", True), ("2.leeks", False)]


def test_opened_archive_of_drafts_stays_closed():
    with opened_archive(_plain({"_drafts/a.md": "Plant it.", "_drafts/b.md": "Sow it."}), "x.zip") as archive:
        assert not recs.read_items(archive.unpack()).public


_PARTS = st.sampled_from(
    ["..", ".", "", "a", "b.md", "c.md", "posts", "C:", "con", "nul.txt", "\\", "\0", "x" * 300, "ü", "~", "$HOME", "*"]
) | st.text(max_size=6)
_NAMES = st.lists(_PARTS, min_size=1, max_size=5).flatmap(
    lambda parts: st.sampled_from(["/", "\\"]).map(lambda mark: mark.join(parts))
)
_MEMBERS = st.builds(
    Member,
    name=_NAMES.map(lambda name: name.encode("utf-8", "replace")[:2000]) | st.binary(max_size=20),
    data=st.binary(max_size=60),
    method=st.sampled_from([0, 0, 8, 8, 8, 12, 14, 99]),
    flags=st.sampled_from([0, 0, 0, UTF8, UTF8, 8, 1, 64, 0xFFFF]),
    size=st.none() | st.none() | st.sampled_from([0, 1, 1000, 0xFFFFFFFE, 0xFFFFFFFF]),
    offset=st.none() | st.none() | st.integers(0, 400),
    mode=st.sampled_from([0, 0, 0, stat.S_IFREG | 0o644, stat.S_IFLNK | 0o777, stat.S_IFDIR, stat.S_IFSOCK, 0xFFFF]),
)
_FUZZED = settings(
    max_examples=400 * _FUZZ,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def _ends_well(data, temporary):
    """Read an archive completely: it ends in files in the temporary folder or in one line."""
    problem = ""
    try:
        with opened_archive(data, "x.zip") as archive:
            root = archive.unpack()
            for path in temporary.rglob("*"):
                assert not path.is_symlink()
                assert path.is_dir() or path.is_relative_to(root)
            assert all((root / name).resolve().is_relative_to(root.resolve()) for name in archive.names)
            assert all(skipped.where.isprintable() for skipped in archive.skipped)
    except SourceError as error:
        problem = str(error)
    assert "\n" not in problem
    assert not list(temporary.iterdir())
    assert [path.name for path in temporary.parent.iterdir()] == ["temporary"]


@_FUZZED
@given(members=st.lists(_MEMBERS, min_size=1, max_size=6))
def test_opened_archive_of_any_members_writes_nothing_outside(temporary, members):
    _ends_well(_zip(*members), temporary)


@_FUZZED
@given(
    members=st.lists(_MEMBERS, min_size=1, max_size=3),
    changes=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255))),
)
def test_opened_archive_of_damaged_bytes_ends_well(temporary, members, changes):
    data = bytearray(_zip(*members))
    for place, value in changes:
        data[int(place * (len(data) - 1))] = value
    _ends_well(bytes(data), temporary)


@_FUZZED
@given(data=st.binary(max_size=200))
def test_opened_archive_of_any_bytes_ends_well(temporary, data):
    _ends_well(b"PK\3\4" + data, temporary)
    _ends_well(data + b"PK\5\6" + bytes(18), temporary)
