"""Markup to plain text, chunks, words, links and languages: strings in, strings and spans out."""
