"""Reads folders of documents the way their site generators read them."""
