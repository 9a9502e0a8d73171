"""Configurations: composed by Hydra, checked by ``validate``, loaded again from run folders."""
