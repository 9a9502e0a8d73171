"""Densities by importance sampling over the noise below: layers of any width, clouds of any size.

Statements and proofs: docs/concepts/certified-interval.md.
"""
