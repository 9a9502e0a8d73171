#!/usr/bin/env bash
# A new user's first day, with what each step was announced to take and what it took, by the clock
# and of the processors: the demo with another seed and β, a sweep of 2 × 2, a table in LaTeX, and a
# network of one's own.
#     scripts/first_day.sh [FOLDER [results/first_day.json]]        EPOCHS=60 for a shorter day
set -euo pipefail
IB_RUN=${IB_RUN:-$(cd "$(dirname "$0")/.." && pwd)/.venv/bin/ib-run}
folder=${1:-$(mktemp -d)}
results=${2:+$(realpath "$2")}
shorter=(${EPOCHS:+"trainer.epochs=$EPOCHS" "measure.epochs=[0,4,16,$EPOCHS]"})
mkdir -p "$folder" && cd "$folder"
TIMEFORMAT='%R %U %S'
: > times

# step NAME WORDS…: announces it, does it, and says both times; the last line of output is in $last
step() {
  local name=$1 said took
  shift
  said=$("$IB_RUN" "$@" --dry-run | tee "$name.said" | tail -n 1)
  took=$({ time "$IB_RUN" "$@" > "$name.out" 2> "$name.err"; } 2>&1)
  last=$(tail -n 1 "$name.out")
  printf '%s\t%s\t%s\n' "$name" "$said" "$took" >> times
  printf '%-8s announced: %s\n         took: %s s (%s + %s s of the processors)\n' \
    "$name" "$said" $took
}

step demo all +exp=szt_tanh seed=3 noise.beta=0.02 "${shorter[@]}"
step again measure "run=$last"
step sweep all -m +exp=szt_tanh noise.beta=0.01,0.05 seed=0,1 "trainer.epochs=${EPOCHS:-300}" \
  'measure.epochs=[0,8,40]' 'measure.measurements=[mutual_information]'
sweep=$last
"$IB_RUN" table "run=$sweep" layer=5 epoch=last by=noise.beta format=latex | tee table.tex
"$IB_RUN" check "run=$sweep" | awk 'length > 100 { print "too wide: " $0; exit 1 }'

mkdir -p conf/network
cat > mine.py <<'PYTHON'
from collections.abc import Callable

from torch import nn


class Mine(nn.Sequential):
    def __init__(self, n_inputs: int, n_outputs: int, width: int, noise: Callable[[], nn.Module]):
        super().__init__(
            *(nn.Linear(n_inputs, width), nn.SiLU(), noise()),
            *(nn.Linear(width, 3), nn.SiLU(), noise(), nn.Linear(3, n_outputs)),
        )
PYTHON
printf '_target_: mine.Mine\nwidth: 6\n' > conf/network/mine.yaml
step own all --config-dir conf network=mine noise.beta=0.1 trainer.epochs=40 'measure.epochs=[0,10,40]'
"$IB_RUN" list

[ -z "$results" ] || "$(dirname "$IB_RUN")/python" - "$results" "${EPOCHS:-}" <<'PYTHON'
import json
import sys
from pathlib import Path

from ib_runner.files import provenance

steps = {}
for line in Path("times").read_text().splitlines():
    name, said, took = line.split("\t")
    wall, *processor = map(float, took.split())
    steps[name] = {
        "announced": said.strip().rpartition("; in all ")[2].removeprefix("in all "),
        "took (s)": round(wall, 1),
        "of the processors (s)": round(sum(processor), 1),
    }
shorter = f"EPOCHS={sys.argv[2]} " if sys.argv[2] else ""
made = provenance.of_result(f"{shorter}scripts/first_day.sh FOLDER results/first_day.json")
Path(sys.argv[1]).write_text(json.dumps({**made, "steps": steps}, indent=1) + "\n")
PYTHON
