"""Run folders: state, checkpoints, tables, locks, sweeps."""
