"""Setting up: what the program needs, and the tools for its tests, by pip and by uv.

    python scripts/benchmark_setup.py [--output results/setup.json]

Installs the packages of ``pyproject.toml`` at the versions of ``constraints.txt``, as the Makefile
does but for the project itself, into fresh environments: each time with an empty cache of
downloads, then with what that left. uv is installed into an environment of its own if it is not
there; it is given pip's settings (index, constraints, certificate). Prints, and writes with
``--output``, seconds of the processor and by the clock, and the largest packages.
"""

import argparse
import csv
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Mapping, Sequence
from importlib.metadata import distributions
from pathlib import Path

from ib_runner.files.atomic import write_text
from ib_runner.files.provenance import of_result

ROOT = Path(__file__).resolve().parents[1]
#: pip's settings and the variables in which uv reads the same
_OF_UV = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "constraint": "UV_CONSTRAINT",
    "cert": "SSL_CERT_FILE",
}
_LARGEST = 6


def requirements() -> dict[str, list[str]]:
    """What is installed in turn: torch, the rest of the program's packages, the tools for tests."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    tools = project["optional-dependencies"]["dev"]
    return {"torch": ["torch"], "program": project["dependencies"], "tools for tests": tools}


def as_pip_is_set() -> dict[str, str]:
    """The environment in which uv finds what pip finds."""
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True
    )
    found = {}
    for line in listed.stdout.splitlines():
        name, _, value = line.partition("=")
        if (variable := _OF_UV.get(name.rpartition(".")[2])) is not None:
            values = value.strip("'\"").replace("\\n", " ").split()
            found[variable] = ("," if variable == "UV_FIND_LINKS" else " ").join(values)
    return {**found, "UV_INDEX_STRATEGY": "unsafe-best-match"}  # all indices count, as with pip


def seconds(words: Sequence[str], environment: Mapping[str, str]) -> tuple[float, float]:
    """What the command ``words`` takes: of the processor, and by the clock."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(words, env={**os.environ, **environment}, stderr=subprocess.PIPE)
    if done.returncode:
        raise SystemExit(f"{words[0]} failed:\n{done.stderr.decode()[-2000:]}")
    clock, after = time.monotonic() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return processor, clock


def set_up(
    installer: Sequence[str], environment: Mapping[str, str], folder: Path
) -> dict[str, tuple[float, float]]:
    """``seconds`` for each of ``requirements`` into a fresh environment in ``folder``."""
    shutil.rmtree(folder, ignore_errors=True)
    python = str(folder / "bin" / "python")
    found = {"environment": seconds([sys.executable, "-m", "venv", str(folder)], {})}
    common = ["--quiet", "-c", str(ROOT / "constraints.txt")]
    for name, wanted in requirements().items():
        words = [one if one != "PYTHON" else python for one in installer]
        found[name] = seconds([*words, *common, *wanted], environment)
    return found


def largest(folder: Path) -> dict[str, float]:
    """MB of the largest packages of an environment, and of all together."""
    (packages,) = folder.glob("lib/*/site-packages")
    sizes = {
        one.metadata["Name"]: sum(file.size or 0 for file in one.files or ()) / 1e6
        for one in distributions(path=[str(packages)])
    }
    first = sorted(sizes, key=sizes.__getitem__, reverse=True)[:_LARGEST]
    return {**{name: sizes[name] for name in first}, "all": sum(sizes.values())}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, help="FILE.json")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        uv = shutil.which("uv")
        if uv is None:
            own = place / "uv"
            subprocess.run([sys.executable, "-m", "venv", own], check=True)
            subprocess.run([own / "bin" / "pip", "install", "--quiet", "uv"], check=True)
            uv = str(own / "bin" / "uv")
        caches = {"PIP_CACHE_DIR": str(place / "of_pip"), "UV_CACHE_DIR": str(place / "of_uv")}
        ways = {
            "pip": ["PYTHON", "-m", "pip", "install"],
            "uv": [uv, "pip", "install", "--python", "PYTHON"],
        }
        environments = {"pip": caches, "uv": {**caches, **as_pip_is_set()}}
        rows = []
        for name, installer in ways.items():
            for state in ("nothing downloaded", "downloaded before"):
                for part, (processor, clock) in set_up(
                    installer, environments[name], place / "venv"
                ).items():
                    rows.append([name, state, part, f"{processor:.1f}", f"{clock:.1f}"])
                    print(*rows[-1], sep="  ", flush=True)
        sizes = largest(place / "venv")
        megabytes = ", ".join(f"{name} {size:.0f}" for name, size in sizes.items())
        print("MB:", megabytes)
    if options.output is not None:
        made = of_result("scripts/benchmark_setup.py --output results/setup.json")
        write_text(options.output, json.dumps({**made, "MB": megabytes}, indent=2) + "\n")
        with options.output.with_suffix(".csv").open("w", encoding="utf-8", newline="") as file:
            table = csv.writer(file, lineterminator="\n")
            table.writerow(["by", "cache", "what", "seconds of the processor", "by the clock"])
            table.writerows(rows)


if __name__ == "__main__":
    main()
