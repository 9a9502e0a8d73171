"""Where two configurations differ, key by key."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

#: nodes of the configuration whose values refer to keys of other nodes (``${noise.beta}``)
LATE_NODES = ("measurement", "figure", "findings")


def changed(
    before: Mapping[str, Any], after: Mapping[str, Any], allowed: Sequence[str]
) -> dict[str, tuple[Any, Any]]:
    """Dotted keys outside ``allowed`` whose values differ: key to (value before, value after).

    ``LATE_NODES`` come last, so that a changed key is named before the keys that refer to it.
    """
    old, new = dict(leaves(before)), dict(leaves(after))
    keys = sorted(old.keys() | new.keys(), key=lambda key: (key.split(".")[0] in LATE_NODES, key))
    return {
        key: (old.get(key), new.get(key))
        for key in keys
        if old.get(key) != new.get(key)
        and not any(key == one or key.startswith(f"{one}.") for one in allowed)
    }


def leaves(node: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every value in ``node`` with its dotted key."""
    if isinstance(node, Mapping) and node:
        for key, child in node.items():
            yield from leaves(child, f"{prefix}.{key}" if prefix else str(key))
    else:
        yield prefix, node
