"""Figures drawn from tables, a file each."""
