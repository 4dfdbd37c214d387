"""Evaluation: of related lists by links, of classifiers by time; tuning, audit, label review."""
