"""The estimators of information, one a file, and their registry."""
