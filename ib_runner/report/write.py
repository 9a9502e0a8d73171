"""Writing ``report.html``: one file that needs no other file, network connection or server."""

import base64
import json
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from ib_runner.files.atomic import write_text
from ib_runner.report.axes import with_axes
from ib_runner.report.encode import encode_table
from ib_runner.report.reduce import reduced
from ib_runner.report.source import Source, read_source
from ib_runner.status import Status

NAME = "report.html"
#: the most characters of encoded tables; with libraries and scripts, the page has 8 MB
LARGEST = 6_000_000
#: plotly.js with curves only, which loads three times as fast as LIBRARY_3D
LIBRARY = "plotly-basic.min.js.gz"
#: plotly.js with 3-D scatter plots, loaded by pages that have some, after all else is drawn
LIBRARY_3D = "plotly-gl3d.min.js.gz"
#: the page's scripts, in the order in which they are run
SCRIPTS = (
    "tables", "look", "state", "information", "plane", "curves", "histograms", "scatter",
    "sweep", "values", "findings", "foot", "main",
)  # fmt: skip


def write_report(path: str | Path) -> Path:
    """Write the report of the run or sweep at ``path`` into its folder; returns the file's path.

    Raises ``UsageError`` where there is nothing to report, ``DamagedFileError`` where a table or
    the state of the run cannot be read.
    """
    file = Path(path) / NAME
    write_text(file, page_of(read_source(path)))
    return file


def page_of(source: Source) -> str:
    """The report of ``source`` as HTML 5."""
    page = files("ib_runner.report") / "page"
    data = contents(source)
    tables = [table.pop("data") for table in data["tables"].values()]
    in_3d = any(layer["units"] > 2 for layer in data["scatter_layers"])
    parts = {
        "TITLE": _escaped(f"{source.facts.get('experiment', source.path.name)} · ib-run"),
        "STYLE": (page / "style.css").read_text(encoding="utf-8"),
        "LIBRARY": _library(LIBRARY),
        "LIBRARY_3D": _library(LIBRARY_3D) if in_3d else "",
        "DATA": _in_script(data),
        "TABLES": "\n".join(
            f'<script id="table-{k}" type="text/plain">{one}</script>'
            for k, one in enumerate(tables)
        ),
        "SCRIPT": "\n".join((page / f"{name}.js").read_text(encoding="utf-8") for name in SCRIPTS),
    }
    html = (page / "page.html").read_text(encoding="utf-8")
    before, *rest = html.split("{{")
    return before + "".join(_filled(one, parts) for one in rest)


def _filled(text: str, parts: Mapping[str, str]) -> str:
    name, after = text.split("}}", 1)
    return parts[name] + after


def _library(name: str) -> str:
    packed = (files("ib_runner.report") / "library" / name).read_bytes()
    return base64.b64encode(packed).decode("ascii")


def contents(source: Source) -> dict[str, Any]:
    """The input of the page's scripts, as JSON values, with each table's encoded ``data``."""
    return {
        "name": source.path.name,
        "path": str(source.path),
        "sweep": source.is_sweep,
        "keys": list(source.keys),
        "facts": source.facts,
        "settings": source.settings,
        "statuses": {str(status.value): status.sentence for status in Status},
        **_tables_that_fit(source),
    }


def _tables_that_fit(source: Source) -> dict[str, Any]:
    """All tables, encoded; where together they are too large, half of each, a quarter, …"""
    share = 1.0
    while True:
        found = _tables(source, share)
        if sum(len(one["data"]) for one in found["tables"].values()) <= LARGEST or share < 1e-3:
            return found
        share /= 2


def _tables(source: Source, share: float) -> dict[str, Any]:
    tables: dict[str, Any] = {}
    notes: dict[str, Any] = {}
    layers: list[Any] = []
    for name, frame in source.tables.items():
        part = reduced(name, frame, share)
        shown = part.frame
        if name == "representation" and len(shown):
            shown, layers = with_axes(shown)
        tables[name] = encode_table(shown, source.units[name])
        notes[name] = {"rows": part.rows, "note": part.note}
    return {"tables": tables, "notes": notes, "scatter_layers": layers}


def _in_script(value: Any) -> str:
    """``value`` as JSON that is safe inside a script element, whatever texts it contains."""
    text = json.dumps(_finite(value), ensure_ascii=False, allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _finite(value: Any) -> Any:
    """``value`` with None in place of NaN and infinity, which JSON lacks."""
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not abs(value) < float("inf") else value


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")
