"""ln of a Gaussian mixture's density at many points, to a stated tolerance."""
