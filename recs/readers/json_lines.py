"""JSON Lines, read line by line."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from recs.errors import SourceError
from recs.readers.foreign import check_beginning
from recs.readers.json_files import check_no_nul, encoding_of, json_problem, loads, not_of
from recs.readers.opened import Opened


def open_lines(lines: Iterable[str], source: str) -> Opened:
    """Return the records of JSON Lines."""
    return Opened(source, json_line_records(lines, source), "JSON Lines: a record in each line")


def open_file_of_lines(path: Path, source: str, head: bytes) -> Opened | None:
    """Return the records of a file that begins with `head`; None if it is not UTF-8, and is read as a whole."""
    check_beginning(head, source)
    return open_lines(_lines_of(path, source), source) if encoding_of(head) == "utf-8" else None


def json_line_records(lines: Iterable[str], source: str) -> Iterator[tuple[str, object]]:
    """Yield (position, record) of JSON Lines, without blank lines; `SourceError` with the line that is not JSON.

    Examples
    --------
    >>> list(json_line_records(['{"id": "garlic"}', "", '{"id": "leeks"}'], "posts.jsonl"))
    [('posts.jsonl: line 1', {'id': 'garlic'}), ('posts.jsonl: line 3', {'id': 'leeks'})]
    """
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                yield f"{source}: line {number}", loads(line)
            except ValueError as error:
                raise SourceError(f"{source}: line {number}: {json_problem(error, line, one_line=True)}") from error


def _lines_of(path: Path, source: str) -> Iterator[str]:
    """Yield the lines of a text file one by one; raises `SourceError` as `read_text` and `check_no_nul` do."""
    start = 0
    is_empty = True
    with path.open("rb") as file:
        for number, data in enumerate(file, 1):
            try:
                line = data.decode().removesuffix("\n")
            except UnicodeDecodeError as error:
                raise not_of(error, "utf-8", source, number, start) from error
            line = line.removeprefix("\ufeff") if number == 1 else line
            check_no_nul(line, source, number)
            is_empty = is_empty and not line.strip()
            yield line
            start += len(data)
    if is_empty:
        raise SourceError(f"{source}: empty; expected items.")


def looks_like_lines(text: str) -> bool:
    """Whether a text is JSON Lines: its first line is a whole object, and more lines follow.

    Examples
    --------
    >>> looks_like_lines('{"id": 1}\\n{"id": 2}'), looks_like_lines('{\\n"posts": []}')
    (True, False)
    """
    first, _, rest = text.strip().partition("\n")
    if not first.startswith("{") or not rest.strip():
        return False
    try:
        return isinstance(loads(first), Mapping)
    except ValueError:
        return False
