"""Layers whose T given x is known in closed form or by one-dimensional quadrature."""
