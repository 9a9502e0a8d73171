"""The version of what lies in run folders: states, sweeps, checkpoints and tables."""

SCHEMA_VERSION = 1
