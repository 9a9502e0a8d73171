"""Tables: columns, units and keys, their files, and those of a sweep's runs in one.

Imports neither torch nor Hydra, so that tables open at once.
"""
