#!/usr/bin/env bash
# The paper's experiments, one part after the other; called again, a part goes on where it stopped.
#
#   scripts/reproduce_paper.sh [PART …]      all parts but mnist when none is named
#
# figures  every figure of the small networks, one seed (as `make figures`)
# seeds    the SZT networks with five seeds: which findings hold, and how often
# noise    I(X;T) and compression against beta (Fig. 5(a), 10(a) and beyond)
# alpha    the grid of section 8.1 for the Parseval regularizer, tanh and ReLU
# mnist    Table 1, Fig. 3, 7 and 8: six conditions, eight seeds, 128 epochs (a cluster, or weeks)
#
# IB_RUN names the command, OUTPUTS the folder (default outputs).
set -euo pipefail
cd "$(dirname "$0")/.."
IB_RUN=${IB_RUN:-.venv/bin/ib-run}
PYTHON=${PYTHON:-.venv/bin/python}
OUTPUTS=${OUTPUTS:-outputs}

# sweep STAGE PART overrides…: start the part's sweep, or go on with it
sweep() {
  local stage=$1 root=$OUTPUTS/$2 last
  shift 2
  last=$(ls -d "$root"/*/sweep_* 2>/dev/null | tail -n 1 || true)
  $IB_RUN "$stage" -m ${last:+"run=$last"} "output_root=$root" "$@"
}

szt=szt_tanh,szt_tanh_parseval,szt_linear,szt_tanh_wide_noise,szt_relu,szt_relu_parseval,szt_deterministic
small=neuron_tanh,neuron_leaky_relu,$szt,spiral_tanh,spiral_tanh_parseval,spiral_deterministic
# as many epochs as the findings need
sparse=(measure.epochs='[0,1,2,4,8,14,20,28,40,60,80,120,200,320,500,800,1250,2000,3200,5000,7000,8500,10000]')

part_figures() { sweep all figures "+exp=$small" plot.each_run=true; }
part_seeds() { sweep all seeds "+exp=$szt" 'seed=range(5)' "${sparse[@]}"; }
part_noise() { sweep all noise +exp=szt_tanh noise.beta=0.001,0.002,0.005,0.01,0.02,0.05,0.1 "${sparse[@]}"; }
part_alpha() {
  sweep train alpha +exp=szt_tanh_parseval,szt_relu_parseval \
    regularizer.alpha=1e-5,2e-5,3e-5,4e-5,5e-5,6e-5,7e-5 'seed=range(3)' |
    tail -n 1 | xargs -I{} "$PYTHON" scripts/sweep_accuracy.py run={}
}
part_mnist() {
  sweep all mnist +exp=mnist \
    condition=deterministic,beta_0.05,beta_0.1,beta_0.2,beta_0.5,dropout 'seed=range(8)'
}

parts=("$@")
[ $# -gt 0 ] || parts=(figures seeds noise alpha)
for part in "${parts[@]}"; do
  declare -F "part_$part" >/dev/null || { echo "reproduce_paper.sh: no part '$part'" >&2; exit 2; }
  "part_$part"
done
