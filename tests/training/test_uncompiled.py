"""Optimizers are made without torch's compiler being loaded, and where it is in use as by torch."""

import subprocess
import sys

import pytest

PROGRAM = """
import sys, torch
from torch.optim import Adam, Optimizer
from ib_runner.training.uncompiled import without_compiler

if {compiled}:
    import torch._dynamo
parameters = [torch.ones(3, requires_grad=True)]
with without_compiler():
    ours = Adam(parameters, lr=0.1)
print("torch._dynamo" in sys.modules)
print(hasattr(Optimizer.add_param_group.__wrapped__, "__dynamo_disable"))
theirs = Adam(parameters, lr=0.1)
assert ours.param_groups == theirs.param_groups
print("torch._dynamo" in sys.modules)
print(hasattr(Optimizer.add_param_group.__wrapped__, "__dynamo_disable"))
"""


@pytest.mark.parametrize("compiled", [False, True])
def test_optimizers_are_torchs_own_and_its_compiler_is_left_unloaded(compiled):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(compiled=compiled)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    before, kept, after, kept_after = (line == "True" for line in done.stdout.splitlines())
    assert (before, kept) == (compiled, compiled)
    assert after
    assert kept_after
