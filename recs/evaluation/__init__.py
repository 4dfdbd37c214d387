"""Judges: rankings by links, classifiers by time, tuning, audit, label review."""
