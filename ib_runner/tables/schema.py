"""The columns, units and keys of every table; tables are in long form, one value in each row."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

_INT = pa.int64()
_REAL = pa.float64()
_TEXT = pa.string()


@dataclass(frozen=True)
class Column:
    """A column: arrow type, unit (None: a plain number or a name), and whether it is in the key.

    No two rows have the same key: a row that is measured again replaces the one with its key.
    ``optional``: files of earlier versions may lack the column.
    """

    type: pa.DataType
    unit: str | None = None
    key: bool = False
    optional: bool = False


EPOCH = Column(pa.int32(), "epochs", key=True)
LAYER = Column(pa.int16(), key=True)
_NOISE = Column(pa.bool_(), key=True)
_NATS = Column(_REAL, "nats")
_COUNT = Column(_INT)
#: column of the fingerprint of the settings that made a row; the file's metadata has the settings
SETTINGS = Column(_TEXT, optional=True)


def _bins(unit: str, of_density: str) -> dict[str, Column]:
    """The columns of a histogram over values in ``unit``, with densities in ``of_density``."""
    return {
        "left": Column(_REAL, unit, key=True),
        "right": Column(_REAL, unit, key=True),
        "count": _COUNT,
        "density": Column(_REAL, of_density),
    }


#: columns of histograms of units' values, and of distances between representations
_ACTIVATION_BINS = _bins("activation", "1/activation")

TABLES: dict[str, dict[str, Column]] = {
    "training": {
        "epoch": EPOCH,
        "split": Column(_TEXT, key=True),
        "loss": Column(_REAL, "nats, or squared error"),
        "accuracy": Column(_REAL, "fraction"),
        "errors": _COUNT,
    },
    "mutual_information": {
        "epoch": EPOCH,
        "layer": LAYER,
        "dim": Column(pa.int32(), "units"),
        "target": Column(_TEXT, key=True),
        "method": Column(_TEXT, key=True),
        "mi": _NATS,
        "stderr": _NATS,
        "lower": _NATS,
        "upper": _NATS,
        "h_t": _NATS,
        "h_t_given_x": _NATS,
        "beta": Column(_REAL, "activation", key=True),
        "n_x": _COUNT,
        "n_o": _COUNT,
        "n_mc": _COUNT,
        "status": Column(_TEXT),
        "seconds": Column(_REAL, "seconds"),
        "settings": SETTINGS,
    },
    "binned_entropy": {
        "epoch": EPOCH,
        "layer": LAYER,
        "unit": Column(pa.int32(), key=True),
        "bin_width": Column(_REAL, "activation", key=True),
        "noise": _NOISE,
        "entropy": _NATS,
        "settings": SETTINGS,
    },
    "entropy_slope": {
        "layer": LAYER,
        "unit": Column(pa.int32(), key=True),
        "bin_width": Column(_REAL, "activation", key=True),
        "slope": Column(_REAL, "nats/epoch"),
        "intercept": _NATS,
        "settings": SETTINGS,
    },
    "distance_histogram": {
        "epoch": EPOCH,
        "layer": LAYER,
        "pairs": Column(_TEXT, key=True),
        "noise": _NOISE,
        **_ACTIVATION_BINS,
        "settings": SETTINGS,
    },
    "activation_histogram": {
        "epoch": EPOCH,
        "layer": LAYER,
        "noise": _NOISE,
        **_ACTIVATION_BINS,
        "settings": SETTINGS,
    },
    "representation": {
        "epoch": EPOCH,
        "layer": LAYER,
        "sample": Column(pa.int32(), key=True),
        "label": Column(_INT),
        "noise": _NOISE,
        "value": Column(pa.list_(pa.float32()), "activation"),
        "settings": SETTINGS,
    },
    "density": {
        "epoch": EPOCH,
        "layer": LAYER,
        "t": Column(_REAL, "activation", key=True),
        "density": Column(_REAL, "1/activation"),
        "settings": SETTINGS,
    },
    "parameter": {
        "epoch": EPOCH,
        "name": Column(_TEXT, key=True),
        "value": Column(_REAL),
        "settings": SETTINGS,
    },
    "log": {"epoch": EPOCH, "name": Column(_TEXT, key=True), "value": Column(_REAL)},
    "cosine_similarity": {
        "epoch": EPOCH,
        "layer": LAYER,
        "run_a": Column(_TEXT, key=True),
        "run_b": Column(_TEXT, key=True),
        **_bins("1", "1"),  # cosines have no unit
    },
    "guarantee": {
        "layer": LAYER,
        "theorem": Column(_TEXT, key=True),
        "quantity": Column(_TEXT, key=True),
        "value": Column(_REAL, "nats"),
        "n": Column(_REAL, "samples"),
        "settings": SETTINGS,
    },
    "layers": {
        "layer": LAYER,
        "inputs": Column(_TEXT, key=True),
        "dim": Column(pa.int32(), "units"),
        "noise": Column(_TEXT),
        "beta": Column(_REAL, "activation"),
        "p": Column(_REAL, "probability"),
        "low": Column(_REAL, "activation"),
        "high": Column(_REAL, "activation"),
        "h_x": _NATS,
        "h_y": _NATS,
        "n_inputs": _COUNT,
    },
    "findings": {
        "finding": Column(_TEXT, key=True),
        "expected": Column(_TEXT),
        "measured": Column(_TEXT),
        "holds": Column(_TEXT),
        "share": Column(_REAL, "fraction of runs"),
        "n_runs": _COUNT,
        "low": Column(_REAL, "the finding's own"),
        "high": Column(_REAL, "the finding's own"),
        "why": Column(_TEXT),
    },
}


@dataclass(frozen=True)
class Table:
    """A table's name and columns: one of ``TABLES``, or the table of a user's own measurement."""

    name: str
    columns: Mapping[str, Column]

    @property
    def key(self) -> list[str]:
        """The names of the columns whose values together are different in every row."""
        return [name for name, column in self.columns.items() if column.key]

    @property
    def replacement_key(self) -> list[str]:
        """The columns by which new rows replace old ones: the key, without bins and grids."""
        return [name for name in self.key if name not in _BINS_AND_GRIDS]


#: key columns of bins and grids, which are replaced as a whole, since their range may change
_BINS_AND_GRIDS = {"left", "right", "t"}


def table_named(table: str | Table) -> Table:
    """The table called ``table``, or ``table`` itself. Raises ``KeyError`` for an unknown name."""
    return table if isinstance(table, Table) else Table(table, TABLES[table])


def own_table(name: str, columns: Mapping[str, Column]) -> Table:
    """The table of a user's own measurement.

    Raises ``ValueError`` where ``name`` is not a word or is that of another table, and where no
    column is in the key.
    """
    if not re.fullmatch(r"[A-Za-z_]\w*", name):
        raise ValueError(f"table {name!r}: a name of letters, digits and _ is needed")
    if not any(column.key for column in columns.values()):
        raise ValueError(f"table {name}: at least one of its columns needs key=True")
    if dict(columns) != TABLES.get(name, columns):
        raise ValueError(f"table {name}: there is one with other columns already")
    return Table(name, {**columns, "settings": SETTINGS})
