"""Texts to vectors: the embedder, windows, batches, the cache, exact neighbours."""
