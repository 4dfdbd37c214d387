"""Reads the exports of platforms for writers, one module for each platform."""
