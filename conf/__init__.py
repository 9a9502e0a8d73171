"""The configuration tree, shipped inside the package so that ``ib-run`` works from a wheel."""
