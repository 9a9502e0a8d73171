"""Densities of wide or far layers: importance sampling over the noise below (see docs)."""
