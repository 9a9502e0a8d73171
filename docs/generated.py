"""Parts of pages that the program itself says: a mkdocs hook.

A line ``<!-- made: NAME ARGUMENTS -->`` becomes what function ``NAME`` makes of the arguments.
"""

import csv
import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MADE = re.compile(r"^<!-- made: (\w+) ?(.*?) -->$", re.MULTILINE)


def on_page_markdown(markdown, **_):
    """What mkdocs calls for every page."""
    return MADE.sub(lambda match: PARTS[match[1]](*match[2].split()), markdown)


def stages():
    """A row for each stage of the command line."""
    from ib_runner.stages.stage import stages

    rows = [[f"`{name}`", stage.summary] for name, stage in stages().items()]
    return _table(["stage", "does"], rows)


def group(name):
    """The entries of a configuration group, each as its YAML, comments included."""
    parts = []
    for path in sorted((ROOT / "conf" / name).glob("*.yaml")):
        text = path.read_text(encoding="utf-8").rstrip()
        parts.append(f"#### `{name}={path.stem}`\n\n```yaml\n{text}\n```")
    return "\n\n".join(parts)


def keys(node):
    """The keys of a node as ``STAGE --help`` has them: default, what it is for, what it takes."""
    from ib_runner.config.described import keys_of_node

    rows = [[f"`{one.text}`", one.sentence, one.accepts] for one in keys_of_node(node)]
    return _table(["key and default", "what it is", "takes"], rows)


def yaml(name):
    """One file of ``conf/``."""
    return f"```yaml\n{(ROOT / 'conf' / name).read_text(encoding='utf-8').rstrip()}\n```"


def experiments():
    """A row for each experiment: what its YAML says in its first comment."""
    rows = []
    for path in sorted((ROOT / "conf" / "exp").glob("*.yaml")):
        comments = re.findall(r"^# (?!@package)(.*)$", path.read_text(encoding="utf-8"), re.M)
        rows.append([f"`+exp={path.stem}`", comments[0] if comments else ""])
    return _table(["experiment", "what it is"], rows)


def tables():
    """The columns of every table, from the schema."""
    from ib_runner.tables.schema import TABLES

    parts = []
    for name, columns in TABLES.items():
        rows = [
            [f"`{column}`", str(one.type), one.unit or "", "key" if one.key else ""]
            for column, one in columns.items()
        ]
        parts.append(f"### `{name}`\n\n{_table(['column', 'type', 'unit', ''], rows)}")
    return "\n\n".join(parts)


def statuses():
    """What a row's status says."""
    from ib_runner.information import Status

    return _table(["status", "meaning"], [[f"`{one.value}`", one.sentence] for one in Status])


def result(name):
    """``results/NAME.csv`` as a table, and what made it, from ``results/NAME.json``."""
    with (ROOT / "results" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        head, *rows = csv.reader(file)
    made = json.loads((ROOT / "results" / f"{name}.json").read_text(encoding="utf-8"))
    facts = "; ".join(f"{key}: {value}" for key, value in made.items())
    return f"{_table(head, rows)}\n\n*{facts}* (`results/{name}.csv`)"


def fuzz():
    """What random networks showed, from ``results/fuzz.json``."""
    found = json.loads((ROOT / "results" / "fuzz.json").read_text(encoding="utf-8"))
    revision, first = found["revision"]["revision"], next(iter(found["pieces"].values()))
    return (
        f"{found['examples']:,} networks: {found['estimated']:,} layers estimated, "
        f"{found['refused']:,} refused; {found['compared']:,} intervals of first layers and "
        f"{found['compared_behind']:,} of second ones held against a truth. "
        f"{found['looked_at_again']} missed it at first, and with other seeds no more often than "
        f"95 % allows; {found['faults']} faults.\n\n"
        f"*{first['command'].rpartition(' ')[0]} SEED, {len(found['pieces'])} times; revision "
        f"{revision[:7]}, {found['machine']}, {first['date']}* (`results/fuzz.json`)"
    )


def notebook(name):
    """``notebooks/NAME.ipynb`` as it was executed: texts, code, and what the code gave."""
    path = ROOT / "docs" / "notebooks" / f"{name}.ipynb"
    parts = []
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(source)
        else:
            parts += [f"```python\n{source}\n```", *map(_output, cell["outputs"])]
    return "\n\n".join(parts)


def _output(output):
    """A picture, a table, or text."""
    data = output.get("data", {})
    if "image/png" in data:
        encoded = "".join(data["image/png"].split())
        return f'<img alt="what the code draws" src="data:image/png;base64,{encoded}">'
    if "text/html" in data:
        html = re.sub(r"<style.*?</style>", "", "".join(data["text/html"]), flags=re.S)
        return f'<div class="md-typeset__scrollwrap">{_joined(html)}</div>'
    text = "".join(data.get("text/plain", output.get("text", "")))
    return f"```text\n{text.rstrip()}\n```"


def _joined(html):
    """Without line breaks: Markdown ends an element at an empty line."""
    return " ".join(html.split())


def _table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(one) for one in line) + " |" for line in lines)


def _cell(text):
    return str(text).replace("|", "\\|").replace("\n", " ")


PARTS = {
    one.__name__: one
    for one in (stages, group, keys, yaml, experiments, tables, statuses, result, fuzz, notebook)
}
