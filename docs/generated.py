"""Parts of pages that the program itself says: a mkdocs hook.

A line ``<!-- made: NAME ARGUMENTS -->`` becomes what function ``NAME`` makes of the arguments.
"""

import csv
import json
import re
from pathlib import Path
from statistics import mean, stdev

import pandas as pd

from ib_runner.wording import interval_text

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
    return f"{_table(head, rows)}\n\n*{_facts(made)}* (`results/{name}.csv`)"


def _facts(made):
    """What a provenance says but for its files, in a line."""
    return "; ".join(f"{key}: {value}" for key, value in made.items() if key != "files")


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


def coverage():
    """How often intervals held the truth, by family, from ``results/coverage.json``."""
    made = json.loads((ROOT / "results" / "coverage.json").read_text(encoding="utf-8"))
    families, rows = made["families"], []
    for name, x in families.items():
        family, _, target = name.rpartition(", ")
        if target == "x":
            y = families[f"{family}, y"]
            shares = [f"{100 * one[side]:.1f}" for one in (x, y) for side in _SIDES]
            widths = [f"{one['mean_width']:.3f}" for one in (x, y)]
            rows.append([family, x["cases"], *shares[:3], widths[0], *shares[3:], widths[1]])
    head = ["family", "cases", "I(X;T) held, %", "upper", "lower", "mean width, nats"]
    head += ["I(Y;T) held, %", "upper", "lower", "mean width, nats"]
    facts = "; ".join(f"{key}: {made[key]}" for key in ("command", "revision", "machine", "date"))
    return (
        f"{_table(head, rows)}\n\n*{facts}; seed: {made['seed']}* (`results/coverage.json`)\n\n"
        f"{_missed(families)}"
    )


def _missed(families):
    """How far beyond their ends the truths lie that intervals missed, farthest first."""
    missed = {(name, case) for name, one in families.items() for case in one["missed"]}
    found = []
    with (ROOT / "results" / "coverage.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            name = f"{row['family']}, {row['target']}"
            if (name, int(row["case"])) in missed:
                low, high, truth, error = (
                    float(row[key]) for key in ("lower", "upper", "truth", "truth_stderr")
                )
                beyond = max(truth - high, low - truth)
                found.append((beyond / (high - low), beyond / error, row["case"], name))
    found.sort(reverse=True)
    rows = [
        [case, name, f"{100 * widths:.0f}", f"{errors:.1f}"] for widths, errors, case, name in found
    ]
    head = ["case", "family, target", "beyond the end, % of the width"]
    return _table([*head, "in standard errors of the truth"], rows)


_SIDES = ("covered", "upper", "lower")


def wide_layers():
    """Intervals of wide layers and wide clouds, from ``results/wide_layers.json``."""
    made = json.loads((ROOT / "results" / "wide_layers.json").read_text(encoding="utf-8"))
    rows = []
    for name, case in made.items():
        first = [name, f"{case['aim']:g}", f"{case['cpu_seconds']:g}", f"{case['peak_mib']:,}"]
        before = {
            (one["layer"], one["target"]): one for one in case.get("before", {"rows": ()})["rows"]
        }
        by_layer = {}
        for one in case["rows"]:
            by_layer.setdefault(one["layer"], {})[one["target"]] = one
        for layer, found in by_layer.items():
            was = before.get((layer, "x"))
            cells = [_interval(found.get(target)) for target in ("x", "y")]
            rows.append([*first, layer, found["x"]["dim"], *cells, _interval(was)])
            first = [""] * 4
    head = ["case", "asked", "processor, s", "memory, MiB", "layer", "units"]
    head += ["I(X;T), nats", "I(Y;T), nats", "I(X;T) before"]
    return f"{_table(head, rows)}\n\n*`results/wide_layers.json` has the environment of each case*"


def _by_layer(rows):
    found = {}
    for one in rows:
        found.setdefault(one["layer"], {})[one["target"]] = one
    return found


def _interval(one):
    if one is None:
        return ""
    return f"{interval_text(one['lower'], one['upper'], 3)} ({one['upper'] - one['lower']:.3f})"


def gpu():
    """What training and density sums take on a GPU."""
    found, longer = (
        json.loads((ROOT / "results" / name).read_text(encoding="utf-8"))
        for name in ("gpu.json", "gpu_training.json")
    )
    training, whole = found["training"], longer["whole"]
    worst = max(found["gradient"].values())
    cut = max(longer["gradient_by_cudnn"].values())
    dense = found["density"][0]
    return (
        f"On one {found['machine']} ({found['date']}): a step of {training['jobs']} jobs, 32 "
        f"images each, took {training['kernels_ms']:.2f} ms, and {training['operators_ms']:.1f} "
        f"by PyTorch's operators in groups; {whole['jobs']} jobs × {whole['epochs']} "
        f"epochs took {whole['seconds']} s ({longer['date']}) with opening, scores of all 70,000 "
        f"images after each epoch and checkpoints. The largest relative distance of a gradient "
        f"from float64's was {worst:.0e}, and {cut:.0e} with TensorFloat-32. A million points "
        f"against 131,000 centres in 16 dimensions took {dense['streamed_s']:.1f} s, "
        f"{dense['blocked_s']:.1f} s by blocks in float64, and differed by at most "
        f"{dense['largest_difference']:.0e} nats."
    )


def mnist_errors():
    """Table 1 of our runs, beside the paper's, from ``results/mnist``."""
    with (ROOT / "results/mnist/noise_at_test.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    table = []
    for condition, paper in _TABLE1.items():
        job = f"condition-{condition}_seed-"
        runs = [row for row in rows if row["run"].startswith(job)]
        cells = [_mean_sd([int(row[name]) for row in runs]) for name in _WAYS]
        table.append([f"`{condition}`", paper, len(runs), *cells])
    head = ["condition", "paper", "seeds", "noise off", "noise on", "statistics without noise"]
    return f"{_table(head, table)}\n\n*{_mnist_made_by('gpu')}* (`results/mnist/noise_at_test.csv`)"


#: errors of 10,000, mean ± standard deviation of eight seeds
_TABLE1 = {
    "deterministic": "50 ± 4.6",
    "beta_0.05": "50 ± 5.0",
    "beta_0.1": "51 ± 6.9",
    "beta_0.2": "86 ± 9.8",
    "beta_0.5": "2200 ± 520",
    "dropout": "39 ± 3.9",
    "dropout_maps": "",
}
_WAYS = ("noise_off", "noise_on", "statistics_without_noise")


def _mean_sd(values):
    spread = stdev(values)
    return (
        f"{mean(values):.0f} ± {spread:.0f}"
        if spread >= 10
        else f"{mean(values):.0f} ± {spread:.1f}"
    )


def mnist_deterministic():
    """What the run of 128 epochs on one core shows, from ``results/mnist``."""
    folder = ROOT / "results/mnist"

    def read(name):
        with (folder / f"deterministic_{name}.csv").open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    last = [row for row in read("training") if row["split"] == "test"][-1]
    entropies = [float(row["entropy"]) for row in read("binned_entropy")]
    slopes = [float(row["mean"]) for row in read("entropy_slope")]
    spreads = [float(row["std"]) for row in read("entropy_slope")]
    return (
        f"After {last['epoch']} epochs {float(last['errors']):.0f} errors. With two bins "
        f"H(Bin(T_ℓ)) of layers 1 to 3 is between {min(entropies):.4f} and {max(entropies):.4f} "
        f"nats (ln 10000 = 9.2103) at all measured epochs. The mean slope of layer 3's single "
        f"units is {min(slopes):.5f} to {max(slopes):.5f} nats an epoch over the four widths, "
        f"their standard deviation up to {max(spreads):.4f}.\n\n"
        f"*{_mnist_made_by('cpu')}* (`results/mnist/deterministic_*.csv`)"
    )


def widths():
    """Intervals of a whole run by an older revision and by this one, in words."""
    made = json.loads((ROOT / "results" / "widths.json").read_text(encoding="utf-8"))
    found, room = made["summary"], made["environment"]["room"]
    width, seconds = found["mean_width"], found["processor_seconds"]
    return (
        f"{found['intervals']} intervals of {made['environment']['epochs']} epochs: mean width "
        f"{width['now']:.4f} nats, {width['before']:.4f} before, median ratio "
        f"{found['median_ratio']:.3f}; {found['wider_by_a_tenth']} are wider by more than a tenth "
        f"and {room:g} nats; {found['contradict']} contradict each other; "
        f"{seconds['now']:.0f} s of processor, {seconds['before']:.0f} s before "
        "(`results/widths.json`)."
    )


def dry_run():
    """What ``--dry-run`` announced and what stages took, from ``results/dry_run.json``."""
    made = json.loads((ROOT / "results" / "dry_run.json").read_text(encoding="utf-8"))
    cases, off = made["cases"], made["off by more than 2"]
    rows = [
        [name, *(_announced(case["stages"][stage]) for stage in STEPS), _announced_layers(case)]
        for name, case in cases.items()
    ]
    listed = "; ".join(
        f"{name}: {', '.join(f'{what} {ratio}' for what, ratio in one.items())}"
        for name, one in off.items()
    )
    loads = [case["load average"] for case in cases.values()]
    last = {
        **next(reversed(cases.values())),
        "command": "scripts/check_dry_run.py results/dry_run.json",
        "load average": f"{min(loads)} to {max(loads)}",
        "revision": " ".join(sorted({str(case["revision"])[:7] for case in cases.values()})),
    }
    head = ["case", *(f"{stage}: said → took, s" for stage in STEPS), "methods and layers: ratios"]
    return (
        f"{_table(head, rows)}\n\nOff by more than a factor of 2: {listed or 'none'}.\n\n"
        f"*{_made_by(last)}* (`results/dry_run.json`)"
    )


STEPS = ("train", "measure", "plot")


def _announced(row):
    return f"{row['announced']:.3g} → {row['measured']:.3g}"


def _announced_layers(case):
    """The range of announced to taken, of those that take more than two seconds."""
    rows = case["methods and layers"].values()
    ratios = [one["ratio"] for one in rows if max(one["announced"], one["measured"]) >= 2]
    return f"{min(ratios):.2g} to {max(ratios):.2g} ({len(ratios)})" if ratios else "none over 2 s"


def first_day():
    """A day's steps, announced and taken, from ``results/first_day.json``."""
    made = json.loads((ROOT / "results" / "first_day.json").read_text(encoding="utf-8"))
    rows = [[name, *one.values()] for name, one in made["steps"].items()]
    head = ["step", *next(iter(made["steps"].values()))]
    return f"{_table(head, rows)}\n\n*{_made_by(made)}* (`results/first_day.json`)"


def _made_by(made):
    load = f"load {made['load average']}" if "load average" in made else ""
    revision = str(made["revision"])
    revision = revision[:7] if len(revision) == 40 else revision
    return ", ".join(
        x for x in (made["command"], revision, made["machine"], load, made["date"]) if x
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


_MADE = (stages, group, keys, yaml, experiments, tables, statuses, result, fuzz, notebook)


def mnist_findings():
    """What the paper finds between networks, held against ours, from ``results/mnist``."""
    with (ROOT / "results/mnist/findings.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    head = ["expected", "measured", "holds"]
    table = _table(head, [[row[name] for name in head] for row in rows])
    return f"{table}\n\n*{_mnist_made_by('findings')}* (`results/mnist/findings.csv`)"


def mnist_certified():
    """Certified intervals of the network with β = 0.5, from ``results/mnist/run_beta_0.5``."""
    path = ROOT / "results/mnist/run_beta_0.5/measurements/mutual_information.parquet"
    rows = pd.read_parquet(path)
    table = [
        [
            epoch,
            *(interval_text(row.lower, row.upper, 3) for row in of_x.itertuples()),
            *(interval_text(row.lower, row.upper, 3) for row in of_y.itertuples()),
        ]
        for epoch, of in rows.sort_values("layer").groupby("epoch")
        for of_x, of_y in [(of[of["target"] == "x"], of[of["target"] == "y"])]
    ]
    head = ["epoch", *(f"I({of};T_{layer})" for of in "XY" for layer in (1, 2, 3))]
    return (
        f"{_table(head, table)}\n\n*{_mnist_made_by('certified')}* (`results/mnist/run_beta_0.5`)"
    )


def mnist_slopes():
    """Slopes of single units' binned entropies, from ``results/mnist``."""
    table = []
    for condition in ("deterministic", "beta_0.5", "dropout"):
        path = ROOT / f"results/mnist/{condition}_entropy_slope.csv"
        for row in pd.read_csv(path).itertuples():
            spread = f"{row.mean:.5f} ± {row.std:.5f}"
            table.append([f"`{condition}`", f"{row.bin_width:g}", spread, row.count])
    head = ["condition", "bin width", "slope, nats an epoch", "units"]
    made = _mnist_made_by("slopes")
    return f"{_table(head, table)}\n\n*β = 0.5 and dropout: {made}* (`results/mnist`)"


def _mnist_made_by(part):
    """The provenance of one part of ``results/mnist``, in a line."""
    made = json.loads((ROOT / "results/mnist/made_by.json").read_text(encoding="utf-8"))
    return _facts(made[part])


_MADE += (
    coverage,
    dry_run,
    first_day,
    gpu,
    mnist_findings,
    mnist_certified,
    mnist_deterministic,
    mnist_errors,
    mnist_slopes,
    wide_layers,
    widths,
)
PARTS = {one.__name__: one for one in _MADE}
