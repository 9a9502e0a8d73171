"""A table of a run or a sweep as text, in the layout of a paper.

A sweep's table has a row for each swept value and a column for each layer, with median and
quartiles over the runs. A run's table has a row for each layer, with the interval. CSV has one
value a row, with all its digits.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import Any

import pandas as pd
from omegaconf import DictConfig, OmegaConf

from ib_runner.errors import UsageError
from ib_runner.runs.find import open_run
from ib_runner.runs.open_sweep import HIGH, LOW, MEDIAN, N, OpenSweep, value_column
from ib_runner.tables.schema import TABLES
from ib_runner.tables.settings import made_with, settings_of

#: settings that choose rows, and the column that each is about
CHOICES = {"method": "method", "target": "target", "split": "split"}
#: a column's heading: plain, and in LaTeX
HEADINGS = {
    "noise.beta": ("β", r"$\beta$"),
    "beta": ("β", r"$\beta$"),
    "layer": ("layer", r"layer $\ell$"),
    "n": ("runs", "runs"),
}
#: a value's symbol: plain, and in LaTeX; {} stands for the target X or Y
QUANTITIES = {
    "mi": ("I({};T)", r"$I({};T_\ell)$"),
    "entropy": ("H(Bin(T))", r"$H(\mathrm{{Bin}}(T_\ell))$"),
}
ENDS = ("lower", "upper")
#: powers of ten of the smallest and largest numbers that are written without one
WRITTEN_OUT = (-4, 5)


def print_table(config: DictConfig, path: Path) -> None:
    """Print the table that ``config`` asks for of the run or sweep at ``path``."""
    asked = OmegaConf.to_container(config, resolve=True)
    opened = open_run(path)
    sweep = isinstance(opened, OpenSweep)
    try:
        if isinstance(opened, OpenSweep):
            rows, value = _of_sweep(opened, asked)
        else:
            rows, value = _of_run(opened, asked)
    except FileNotFoundError as error:  # its message names the stage that writes the table
        raise UsageError(str(error)) from error
    rows = _chosen(rows, asked, path)
    unit = (TABLES.get(asked["table"], {}).get(value) or TABLES["layers"]["dim"]).unit
    if asked["unit"] == "bits" and unit == "nats":
        numbers = [one for one in (value, MEDIAN, LOW, HIGH, *ENDS, "stderr") if one in rows]
        rows, unit = rows.assign(**{one: rows[one] / math.log(2) for one in numbers}), "bits"
    texts = []
    for kind in _listed(asked["format"]):
        if kind == "csv":
            texts.append(rows.to_csv(index=False).rstrip())
            continue
        layout = _summarised if sweep else _with_interval
        head, lines = layout(rows, asked, value, kind == "latex")
        caption = _caption(asked, value, unit, kind == "latex")
        caption += "; median and quartiles over the runs" if sweep else ""
        texts.append(_WRITERS[kind](head, lines, caption))
    print("\n\n".join(texts), flush=True)


def _of_sweep(sweep: OpenSweep, asked: Mapping[str, Any]) -> tuple[pd.DataFrame, str]:
    rows = sweep.table(asked["table"])
    value = value_column(rows, asked["table"], asked["value"], sweep.keys)
    by = None if asked["by"] is None else _listed(asked["by"])
    return sweep.summary(asked["table"], by=by, value=value), value


def _of_run(run: Any, asked: Mapping[str, Any]) -> tuple[pd.DataFrame, str]:
    if asked["by"] is not None:
        raise UsageError(f"by={asked['by']}: run={run.path} is one run; by is for a sweep.")
    rows = run.table(asked["table"])
    if "settings" in rows and run.table_path("layers").is_file():
        inputs = run.table("layers").attrs["inputs"]
        rows = made_with(rows, settings_of(rows), "measure", "inputs", inputs)
    return rows, value_column(rows, asked["table"], asked["value"], ())


def _chosen(rows: pd.DataFrame, asked: Mapping[str, Any], path: Path) -> pd.DataFrame:
    """The rows of the epochs, layers, method and so on that are ``asked`` for."""
    for key, column in CHOICES.items():
        rows = _only(rows, column, [asked[key]], key, path) if column in rows else rows
    if "epoch" in rows:
        epochs = [rows["epoch"].max()] if asked["epoch"] == "last" else _listed(asked["epoch"])
        rows = _only(rows, "epoch", epochs, "epoch", path)
    if "layer" in rows and asked["layer"] is not None:
        rows = _only(rows, "layer", _listed(asked["layer"]), "layer", path)
    return rows.reset_index(drop=True)


def _only(
    rows: pd.DataFrame, column: str, values: Sequence[Any], key: str, path: Path
) -> pd.DataFrame:
    for value in values:
        if value not in set(rows[column]):
            there = ", ".join(str(one) for one in sorted(set(rows[column].dropna()))[:12])
            raise UsageError(f"{key}={value}: run={path} has none in its table; it has {there}.")
    return rows[rows[column].isin(values)]


def _summarised(
    rows: pd.DataFrame, asked: Mapping[str, Any], value: str, latex: bool
) -> tuple[list[str], list[list[str]]]:
    """Head and lines of a sweep's table: a row for each swept value, a column for each layer.

    Cells have the median and the quartiles over the runs.
    """
    apart = [
        one
        for one in rows.columns
        if one not in (MEDIAN, LOW, HIGH, N, "layer", *CHOICES.values(), "beta")
    ]
    several = [one for one in apart if one != "epoch" or rows[one].nunique() > 1]
    layers = sorted(rows["layer"].unique()) if "layer" in rows else [None]
    lines = []
    for values, group in (
        rows.groupby(several, sort=True, dropna=False) if several else [((), rows)]
    ):
        cells = [_number(one, None, latex) for one in values]
        for layer in layers:
            found = group if layer is None else group[group["layer"] == layer]
            cells.append(_median(found, asked["digits"], latex))
        lines.append([*cells, str(int(group[N].min()))])
    heads = [_heading(one, latex) for one in several]
    names = [_quantity(value, asked, latex, layer) for layer in layers]
    return [*heads, *names, _heading(N, latex)], lines


def _median(found: pd.DataFrame, digits: int, latex: bool) -> str:
    if found.empty:
        return "–"
    if len(found) > 1:
        raise UsageError(
            "table: several values for one cell, which differ in "
            f"{', '.join(one for one in found if found[one].nunique() > 1)}; choose with by= or "
            "format=csv."
        )
    median, low, high = (float(found[one].iloc[0]) for one in (MEDIAN, LOW, HIGH))
    middle = _number(median, digits, latex)
    ends = [_number(one, digits, latex) for one in (low, high)]
    return middle if ends == [middle, middle] else f"{middle} ({' to '.join(ends)})"


def _with_interval(
    rows: pd.DataFrame, asked: Mapping[str, Any], value: str, latex: bool
) -> tuple[list[str], list[list[str]]]:
    """Head and lines of a run's table: key columns, value, and the interval of information."""
    keys = [
        one
        for one in rows.columns
        if TABLES.get(asked["table"], {}).get(one) is not None
        and TABLES[asked["table"]][one].key
        and one not in CHOICES.values()
    ]
    keys = [one for one in keys if one == "layer" or rows[one].nunique() > 1]
    certified = [one for one in ENDS if one in rows and value == "mi"]
    lines = []
    for row in rows.to_dict("records"):
        cells = [_number(row[one], None, latex) for one in keys]
        cells.append(_number(row[value], asked["digits"], latex))
        if certified:
            low, high = (
                _number(row[one], asked["digits"], latex, outwards)
                for one, outwards in zip(ENDS, (ROUND_FLOOR, ROUND_CEILING), strict=True)
            )
            cells.append("–" if "–" in (low, high) else f"[{low}, {high}]")
        lines.append(cells)
    heads = [_heading(one, latex) for one in keys]
    interval = [r"95\,\% interval" if latex else "95 % interval"] if certified else []
    return [*heads, _quantity(value, asked, latex, None), *interval], lines


def _number(value: Any, digits: int | None, latex: bool, rounding: str = ROUND_HALF_EVEN) -> str:
    if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if isinstance(value, bool | str) or not hasattr(value, "__float__"):
        return _escaped(str(value)) if latex else str(value).replace("|", r"\|")
    number = float(value)
    text = _significant(number, digits, rounding) if digits else f"{number:.12g}"
    exponent = re.fullmatch(r"(.*)e([+-])0*(\d+)", text)
    if exponent and latex:
        sign = "-" if exponent[2] == "-" else ""
        return rf"${exponent[1]}\cdot 10^{{{sign}{exponent[3]}}}$"
    return f"${text}$" if latex and text.startswith("-") else text


def _significant(value: float, digits: int, rounding: str) -> str:
    """``value`` with ``digits`` significant digits; ends of an interval are rounded outwards."""
    rounded = Decimal(value)
    if value == 0 or not rounded.is_finite():
        return f"{value:#.{digits}g}".rstrip(".")
    for _ in range(2):  # again where rounding up adds a digit: 9.996, 10.00, 10.0
        rounded = rounded.quantize(Decimal(1).scaleb(rounded.adjusted() - digits + 1), rounding)
    if WRITTEN_OUT[0] <= rounded.adjusted() <= WRITTEN_OUT[1]:
        return f"{rounded:f}"
    return f"{rounded:.{digits - 1}e}"


def _heading(column: str, latex: bool) -> str:
    plain, tex = HEADINGS.get(column, (column, _escaped(column)))
    return tex if latex else plain


def _quantity(value: str, asked: Mapping[str, Any], latex: bool, layer: int | None) -> str:
    plain, tex = QUANTITIES.get(value, (value, _escaped(value)))
    text = (tex if latex else plain).format(asked["target"].upper())
    if layer is None:
        return text
    if r"T_\ell" in text:
        return text.replace(r"T_\ell", f"T_{{{layer}}}")
    return text.replace("T)", f"T_{layer})") if "T)" in text else f"{text}, layer {layer}"


def _caption(asked: Mapping[str, Any], value: str, unit: str | None, latex: bool) -> str:
    epoch = asked["epoch"]
    at = "the last epoch" if epoch == "last" else f"epoch {', '.join(map(str, _listed(epoch)))}"
    units = f" in {unit}" if unit in ("nats", "bits") else ""
    return f"{_quantity(value, asked, latex, None)}{units} at {at}"


def _escaped(text: str) -> str:
    return re.sub(r"([&%$#_{}])", r"\\\1", text)


def _latex(head: Sequence[str], lines: Sequence[Sequence[str]], caption: str) -> str:
    r"""The table for LaTeX's package booktabs, with ``caption`` in a comment."""
    body = [" & ".join(line).replace("–", "--") + r" \\" for line in lines]
    columns = "l" * len(head)
    return "\n".join(
        [
            f"% {caption}",
            rf"\begin{{tabular}}{{{columns}}}",
            r"\toprule",
            " & ".join(head) + r" \\",
            r"\midrule",
            *body,
            r"\bottomrule",
            r"\end{tabular}",
        ]
    )


def _markdown(head: Sequence[str], lines: Sequence[Sequence[str]], caption: str) -> str:
    cells = [list(head), *map(list, lines)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    rows = [
        "| " + " | ".join(one.ljust(width) for one, width in zip(line, widths, strict=True)) + " |"
        for line in cells
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([rows[0], rule, *rows[1:], "", f"{caption}."])


_WRITERS: dict[str, Callable[[Sequence[str], Sequence[Sequence[str]], str], str]] = {
    "latex": _latex,
    "markdown": _markdown,
}


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list) else [value]
