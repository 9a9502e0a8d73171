"""Files of any kind: written whole or not at all, read with errors that help, and provenance."""
