"""Turns the blocks of editors (Portable Text, Editor.js, Lexical and others) into HTML."""
