"""Configuration: composed by Hydra, checked in one place, loaded again from run folders."""
