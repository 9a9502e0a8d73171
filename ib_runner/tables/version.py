"""The version of the formats of files in run folders: states, sweeps, checkpoints and tables."""

SCHEMA_VERSION = 1
