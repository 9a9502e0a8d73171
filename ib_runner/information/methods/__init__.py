"""The estimators of information, one in each file, and their registry."""
