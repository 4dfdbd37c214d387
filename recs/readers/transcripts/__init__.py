"""Reads transcripts of podcast episodes: who said what, and when."""
