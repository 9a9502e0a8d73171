"""Hold what `--dry-run` announces against what the stages then take.

    python scripts/check_dry_run.py [results/dry_run.json] [CASE …]

Short versions of the experiments, and digits (scikit-learn's, where it is installed; as many
made-up inputs of the same kind where it isn't) by a network of 64 units a layer. Each stage is
announced, then done, in this process; where other programs share the processors its processor time
counts, as it does for the announcement. Cases that the file has are not done again, unless they are
named; each has the revision and machine that it was done with. The exit status is 1 where the file,
or what was done without one, has a time longer than ``MOMENT`` seconds that is off by more than a
factor of 2.
"""

import contextlib
import io
import json
import os
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

#: no announcement is held to less, seconds; and how far it may be off
MOMENT, FACTOR = 2.0, 2.0
ONE = ["measure.n_jobs=1", "plot.formats=[png,pdf]"]
FEW = ["measure.epochs=[0,1,2,4,8,16,32,60]", "trainer.epochs=60"]
LATE = ["measure.epochs=[0,4,40,400,1500]", "trainer.epochs=1500"]
OF_DIGITS = ["network=fcn", "network.widths=[64,64]", "dataset=digits", "noise.beta=0.1"]
NEURON = ["trainer.epochs=20000", "measure.epochs=[0,250,2500,20000]"]
CASES = {
    "szt_tanh": ["+exp=szt_tanh", *FEW],
    "szt_tanh, later": ["+exp=szt_tanh", *LATE],
    "szt_tanh with paper": ["+exp=szt_tanh", *FEW, "measure.methods=[coupled,paper]"],
    "szt_tanh_wide_noise": ["+exp=szt_tanh_wide_noise", *FEW],
    "szt_tanh_parseval": ["+exp=szt_tanh_parseval", *FEW],
    "szt_relu": ["+exp=szt_relu", *FEW],
    "szt_linear": ["+exp=szt_linear", *FEW],
    "szt_deterministic": ["+exp=szt_deterministic", *FEW],
    "spiral_tanh": ["+exp=spiral_tanh", *LATE],
    "spiral_deterministic": ["+exp=spiral_deterministic", *FEW],
    "neuron_tanh": ["+exp=neuron_tanh", *NEURON],
    "neuron_leaky_relu": ["+exp=neuron_leaky_relu", *NEURON],
    "own widths": ["network=fcn", "network.widths=[20,8,2]", "network.activation=relu",
                   "noise.beta=0.05", *FEW],
    "digits": [*OF_DIGITS, "measure.epochs=[0,30]", "trainer.epochs=30"],
    "digits with paper": [*OF_DIGITS, "measure.methods=[paper]", "measure.epochs=[10]",
                          "trainer.epochs=10", "measure.measurements=[mutual_information]"],
    "sweep of 2 x 2": ["-m", "+exp=szt_tanh", "noise.beta=0.01,0.05", "seed=0,1", *FEW],
}  # fmt: skip
DIGITS = """
import torch
from ib_runner.datasets.dataset import Dataset, Split, random_split

def digits(seed: int) -> Dataset:
    try:
        from sklearn.datasets import load_digits
        found = load_digits()
        x, y = torch.tensor(found.data / 16).float(), torch.tensor(found.target).long()
    except ImportError:
        generator = torch.Generator().manual_seed(0)
        y = torch.arange(1797) % 10
        middles = torch.rand(10, 64, generator=generator)
        x = (middles[y] + 0.2 * torch.randn(1797, 64, generator=generator)).clamp(0, 1)
    every = Split(x, y)
    train, test = random_split(every, 0.8, seed)
    return Dataset(train, test, every, 10)
"""


def announced(words):
    """What each stage is said to take, seconds; each method and layer of measuring; what share of
    measuring the methods are; and what it took to find out, all for all jobs.
    """
    from ib_runner.commands import dry_run
    from ib_runner.commands.arguments import parse_command
    from ib_runner.commands.plan import make_plan
    from ib_runner.config.compose import open_hydra
    from ib_runner.stages import forecast
    from ib_runner.stages.stage import stages

    for known in (forecast._known, forecast._growths, forecast._rates):
        known.clear()
    command = parse_command(stages()["all"], words)
    plan = make_plan(open_hydra(command.flags.config_dir), command)
    began = time.process_time()
    of_jobs = dry_run._costs(plan)
    over = dry_run._over_runs(plan) if plan.is_sweep else {}
    took = time.process_time() - began
    costs = {
        name: sum(one[name].seconds for one in of_jobs.values()) * len(plan.jobs) / len(of_jobs)
        + (over[name].seconds if name in over else 0.0)
        for name in ("train", "measure", "plot")
    }
    timed = [one for each in forecast._known.values() for one in each]
    every = len(plan.jobs) / len(forecast._known)
    total = sum(one.seconds for one in timed)
    share = sum(one.seconds for one in timed if " by " in one.name) / total if total else 0.0
    layers = {}
    for one in timed:
        for layer, seconds in one.layers.items():
            key = f"{one.name.rpartition(' by ')[2]}, layer {layer}"
            layers[key] = layers.get(key, 0.0) + every * seconds
    return costs, share, layers, took


def taken(words):
    """The run, or sweep, and what each stage took, seconds."""
    from ib_runner import cli

    seconds, path = {}, None
    for stage in ("train", "measure", "plot"):
        also = [one for one in words if one.startswith(("--config-dir", "allow_targets"))]
        asked = [*also, f"run={path}"] if path else words
        out = io.StringIO()
        wall, processor = time.perf_counter(), time.process_time()
        with contextlib.redirect_stdout(out):
            assert cli.main([stage, *asked]) == 0
        seconds[stage] = min(time.perf_counter() - wall, time.process_time() - processor)
        path = out.getvalue().splitlines()[-1]
    return path, seconds


def of_layers(path, measuring):
    """What each method and layer took; ``measuring`` is the time of all methods, seconds."""
    import ib_runner

    rows = ib_runner.open_run(path).table("mutual_information")
    rows = rows[rows["seconds"] > 0]
    sums = rows.groupby(["method", "layer"])["seconds"].sum()
    # wall times in the table: their sum is at most the time of measuring
    times = min(1.0, measuring / sums.sum()) if len(sums) else 1.0
    return {f"{method}, layer {layer}": value * times for (method, layer), value in sums.items()}


def compared(said, found):
    ratio = said / found if found else None
    return {
        "announced": round(said, 2),
        "measured": round(found, 2),
        "ratio": ratio and round(ratio, 2),
    }


def one_case(words):
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "conf" / "dataset").mkdir(parents=True)
        (Path(folder) / "conf" / "dataset" / "digits.yaml").write_text(
            "_target_: digits_here.digits\n"
        )
        (Path(folder) / "digits_here.py").write_text(DIGITS)
        sys.path.insert(0, folder)
        os.chdir(folder)
        words = [*words, *ONE, f"--config-dir={folder}/conf"]
        if "dataset=digits" in words:
            words.append("allow_targets=[digits_here]")
        costs, share, layers, took = announced(words)
        path, seconds = taken(words)
        there = of_layers(path, share * seconds["measure"])
        os.chdir("/")
    return {
        "stages": {name: compared(costs[name], one) for name, one in seconds.items()},
        "methods and layers": {
            name: compared(layers[name], there[name]) for name in layers if name in there
        },
        "announcing (s)": round(took, 1),
    }


def main(words):
    target = Path(words[0]).resolve() if words and words[0].endswith(".json") else None
    names = words[1 if target else 0 :]
    # one thread: others, where programs share the processors, would wait for it busily
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, [max(os.sched_getaffinity(0))])
    from ib_runner.files import provenance

    done = json.loads(target.read_text())["cases"] if target and target.exists() else {}
    for name in names or [name for name in CASES if name not in done]:
        case = one_case(CASES[name])
        tell(name, case)
        command = f'scripts/check_dry_run.py results/dry_run.json "{name}"'
        done[name] = {**case, **provenance.of_result(command)}
        if target:
            off = {name: off_by_more(done[name]) for name in CASES if name in done}
            content = {
                f"off by more than {FACTOR:g}": {name: one for name, one in off.items() if one},
                "cases": {name: done[name] for name in CASES if name in done},
            }
            target.write_text(json.dumps(content, indent=1) + "\n")
    off = [f"{name}: {what}" for name in done for what in off_by_more(done[name])]
    print(f"off by more than {FACTOR:g}: {', '.join(off) or 'none'}")
    return int(bool(off))


def times_of(case):
    """The announced and measured time of each stage, and of each method and layer."""
    return {**case["stages"], **case["methods and layers"]}


def off_by_more(case):
    """The times that are off by more than ``FACTOR``, where they are longer than ``MOMENT``."""
    return {
        what: row["ratio"]
        for what, row in times_of(case).items()
        if max(row["announced"], row["measured"]) >= MOMENT
        and not 1 / FACTOR <= (row["ratio"] or 0.0) <= FACTOR
    }


def tell(name, case):
    print(f"{name}: announced in {case['announcing (s)']} s")
    for what, row in times_of(case).items():
        times = f"{row['announced']:>8} {row['measured']:>8} {row['ratio']}"
        print(f"{name:<20} {what:<32} {times}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
