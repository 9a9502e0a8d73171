"""Networks are watched at work without torch's compiler being loaded, and where it is in use."""

import math
import subprocess
import sys

import pytest

PROGRAM = """
import math, sys, torch
from torch import nn
from ib_runner.networks import GaussianNoise
from ib_runner.networks.passed_on import dropped
from ib_runner.networks.ranges import activation_ranges

first = nn.Sequential(nn.Linear(2, 3), nn.Tanh())
if {compiled}:
    first = torch.compile(first, backend="eager")
network = nn.Sequential(first, GaussianNoise(0.1), nn.Linear(3, 2), nn.ReLU(), GaussianNoise(0.1))
x = torch.randn(4, 2)
for _ in range(2):
    print(activation_ranges(network.eval(), x), dropped(network, x))
print("torch._dynamo" in sys.modules)
"""


@pytest.mark.parametrize("compiled", [False, True])
def test_ranges_are_found_and_torchs_compiler_is_loaded_by_users_alone(compiled):
    program = PROGRAM.format(compiled=compiled)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    *ranges, loaded = done.stdout.splitlines()
    known = f"{[(-1.0, 1.0), (0.0, math.inf)]} {[False, False]}"
    assert ranges == [known, known]
    assert loaded == str(compiled)
