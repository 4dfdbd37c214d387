"""The fonts that have the characters of names."""

from __future__ import annotations


def fonts_for(wanted: set[str]) -> tuple[list[str], set[str]]:
    """Return the fonts to use, and the characters that they have.

    The fonts are matplotlib's own and, if that lacks some of the wanted characters, the installed one that has most of
    them.
    """
    from matplotlib import font_manager

    families = ["DejaVu Sans"]
    characters = _characters(font_manager.findfont(families[0]))
    missing = {character for character in wanted - characters if character.isprintable()}
    if missing:
        fonts = [font for font in font_manager.fontManager.ttflist if (font.style, font.weight) == ("normal", 400)]
        fonts.sort(key=lambda font: (-len(missing & _characters(font.fname)), font.name, font.fname))
        families.append(fonts[0].name)
        characters |= _characters(fonts[0].fname)
    return families, characters


def _characters(path: str) -> set[str]:
    """Return the characters of a font file."""
    from matplotlib.font_manager import get_font

    return set(map(chr, get_font(path).get_charmap()))
