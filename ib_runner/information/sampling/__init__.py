"""Draws of S and T: random streams, normal numbers, propagation through the network."""
