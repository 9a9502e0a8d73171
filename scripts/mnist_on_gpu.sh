#!/usr/bin/env bash
# Table 1, Fig. 3, 7 and 8 at the paper's full length on one GPU: train, measure, draw, check.
#
#   scripts/mnist_on_gpu.sh [overrides…]       further overrides go to every training
#
# Cut off at any moment and called again, it goes on: finished jobs and measured epochs stay. What
# comes home is small: RESULTS gets the tables as CSV, the figures, and what made them.
#
# DEVICE     cuda where there is a GPU, else cpu        SEEDS       8
# CONDITIONS the paper's six, and dropout of whole maps EPOCHS      128
# TOGETHER   jobs in one program: all of them           MEASURED    epochs measured: 0,1,2,4,…,EPOCHS
# OUTPUTS    outputs/mnist_on_gpu                       RESULTS     results/mnist/gpu
# IB_RUN     .venv/bin/ib-run                           PYTHON      .venv/bin/python
# STAGES     train measure plot check home
# MEASUREMENTS  all but mutual_information, whose intervals take a processor hours here
set -euo pipefail
cd "$(dirname "$0")/.."
IB_RUN=${IB_RUN:-.venv/bin/ib-run}
PYTHON=${PYTHON:-.venv/bin/python}
OUTPUTS=${OUTPUTS:-outputs/mnist_on_gpu}
RESULTS=${RESULTS:-results/mnist/gpu}
SEEDS=${SEEDS:-8}
EPOCHS=${EPOCHS:-128}
CONDITIONS=${CONDITIONS:-deterministic,beta_0.05,beta_0.1,beta_0.2,beta_0.5,dropout,dropout_maps}
STAGES=${STAGES:-train measure plot check home}
MEASUREMENTS=${MEASUREMENTS:-binned_entropy,unit_entropy,entropy_slope,distance_histogram,cosine_similarity}

if [ ! -x "$IB_RUN" ]; then
  make .venv/installed
fi
if [ -z "${DEVICE:-}" ]; then
  DEVICE=$("$PYTHON" -c 'import torch; print("cuda" if torch.cuda.is_available() else "cpu")')
fi
jobs=$(($(tr -cd , <<<"$CONDITIONS" | wc -c) + 1))
jobs=$((jobs * SEEDS))
TOGETHER=${TOGETHER:-$jobs}

# 0, 1, 2, 4, … and the last epoch
if [ -z "${MEASURED:-}" ]; then
  MEASURED=0
  for ((epoch = 1; epoch < EPOCHS; epoch *= 2)); do MEASURED+=,$epoch; done
  MEASURED+=,$EPOCHS
fi

echo "mnist_on_gpu: $jobs jobs of $EPOCHS epochs on $DEVICE, $TOGETHER together, into $OUTPUTS" >&2
if [ "$DEVICE" = cuda ]; then
  nvidia-smi --query-gpu=name,memory.total,driver_version --format=csv,noheader >&2 || true
fi
df -Pk . | awk 'NR == 2 {printf "mnist_on_gpu: %d GB free on the disk\n", $4 / 1e6}' >&2
# an epoch's weights are 0.87 MB
echo "mnist_on_gpu: checkpoints take about $((jobs * (EPOCHS + 1) * 87 / 100 / 1000)) GB" >&2

last=$(ls -d "$OUTPUTS"/*/sweep_* 2>/dev/null | tail -n 1 || true)

stage_train() {
  local which=+exp=mnist
  [ -z "$last" ] || which=run=$last
  $IB_RUN train -m "$which" "output_root=$OUTPUTS" \
    "condition=$CONDITIONS" "seed=range($SEEDS)" "trainer.epochs=$EPOCHS" \
    "trainer.together=$TOGETHER" "device=$DEVICE" "$@"
}
stage_measure() {
  $IB_RUN measure "run=$last" "measure.epochs=[$MEASURED]" \
    "measure.measurements=[$MEASUREMENTS]" "device=$DEVICE"
}
stage_plot() { $IB_RUN plot "run=$last"; }
stage_check() { $IB_RUN check "run=$last"; }
stage_home() {
  "$PYTHON" scripts/bring_home.py "$last" "$RESULTS"
}

for stage in $STAGES; do
  began=$SECONDS
  if [ "$stage" = train ]; then
    last=$(stage_train "$@" | tail -n 1)
  else
    [ -n "$last" ] || { echo "mnist_on_gpu: nothing is trained in $OUTPUTS yet" >&2; exit 2; }
    "stage_$stage" >&2
  fi
  mkdir -p "$RESULTS"
  echo "$stage,$((SECONDS - began)),$DEVICE,$(date -u +%FT%TZ)" >>"$RESULTS/seconds.csv"
done
echo "$RESULTS"
