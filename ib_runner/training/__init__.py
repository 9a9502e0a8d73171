"""Training noisy networks."""
