"""Findings of the paper, held against tables: a kind of finding a file.

``context``, ``information`` and ``turning`` are shared with the figures, which mark the epochs
that the findings are about.
"""
