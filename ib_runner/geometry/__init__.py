"""The geometry of representations: distances, angles, clusters."""
