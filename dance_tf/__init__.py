"""Classify dance styles in video."""

__version__ = "0.1.0"
