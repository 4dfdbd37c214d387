"""Values in files: CSV that no spreadsheet runs, and JSON on one line."""

import csv
import io
import json

import pytest

from recs.writers.cells import csv_text, dumps, json_lines


def test_csv_text_is_read_back_by_the_csv_module():
    records = [{"id": "a,b", "text": 'He said "no".\nTwice.'}, {"id": "é", "text": ""}]
    assert list(csv.DictReader(io.StringIO(csv_text(records), newline=""))) == records


@pytest.mark.parametrize("text", ["one\rtwo", "\r", "one\r\ntwo", "one\ntwo\r", "one\r\n"])
def test_csv_text_cell_with_a_line_end_is_read_back(text):
    records = [{"id": "a", "text": text}, {"id": text, "text": "b"}]
    assert list(csv.DictReader(io.StringIO(csv_text(records), newline=""))) == records


def test_csv_text_line_ends_are_those_of_unix():
    assert csv_text([{"id": 1, "score": 0.5}]) == "id,score\n1,0.5\n"


def test_csv_text_without_records_is_the_header_if_it_is_given():
    assert csv_text([]) == ""
    assert csv_text([], header=("id", "title")) == "id,title\n"


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_csv_text_formula_gets_an_apostrophe_in_columns_of_text_alone(start):
    text = csv_text([{"id": f"{start}1", "title": f"{start}1"}], texts=["title"])
    quote = '"' if start == "\r" else ""
    assert text.removeprefix("id,title\n") == f"{quote}{start}1{quote},{quote}'{start}1{quote}\n"


def test_csv_text_numbers_in_columns_of_text_are_written_as_they_are():
    assert csv_text([{"title": -1.5}], texts=["title"]) == "title\n-1.5\n"


def test_dumps_and_json_lines_keep_a_record_on_one_line():
    record = {"text": "a\u2028b\u2029c\x85d\ne"}
    assert len(dumps(record).splitlines()) == 1
    assert [json.loads(line) for line in json_lines([record, {}]).splitlines()] == [record, {}]


def test_dumps_refuses_numbers_that_json_does_not_have():
    with pytest.raises(ValueError, match="not JSON compliant"):
        dumps({"score": float("nan")})
