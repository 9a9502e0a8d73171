"""Tables: columns, units and keys, files, and a sweep's tables made from those of its runs.

Imports neither torch nor Hydra, so that tables open quickly.
"""
