"""Training several jobs of a sweep in one program, on one device."""
