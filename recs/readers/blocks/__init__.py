"""The blocks of editors (Portable Text, Editor.js, Lexical, ...) as text."""
