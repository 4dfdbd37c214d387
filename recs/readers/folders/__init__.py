"""Folders of documents, read as their site generators read them."""
