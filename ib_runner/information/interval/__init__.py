"""The certified interval on I(X;T): bounds, their sizes, and the densities that make them tight."""
