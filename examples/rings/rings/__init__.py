"""A user's own data set, network, measurement, figure and finding for ib-run."""
