"""One command line, once its stage is known: parsed, planned, then described or executed."""
