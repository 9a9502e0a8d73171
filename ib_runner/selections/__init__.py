"""Which rows of the tables figures and findings are about: the same ones for both."""
