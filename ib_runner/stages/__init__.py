"""The stages of the command line, one verb a file."""
