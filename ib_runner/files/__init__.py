"""Files of any kind: written whole or not at all, read with remedies, and what made them."""
