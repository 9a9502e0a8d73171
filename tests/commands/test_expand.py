"""Jobs of a sweep: every combination of the values given, beside those it has."""

import pytest

from ib_runner.commands.expand import expand
from ib_runner.errors import UsageError
from ib_runner.runs.sweep_folder import Sweep


def test_every_combination_is_a_job(opened):
    words = ["+exp=szt_tanh", "seed=range(2)", "noise.beta=0.1,0.2", "hydra.verbose=true"]
    sweep, launcher = expand(opened, "train", words)
    assert sweep.keys == ["seed", "noise.beta"]
    assert sweep.fixed == ["+exp=szt_tanh"]
    assert launcher == ["hydra.verbose=true"]
    assert sweep.jobs == {
        "noise.beta-0.1_seed-0": ["seed=0", "noise.beta=0.1"],
        "noise.beta-0.2_seed-0": ["seed=0", "noise.beta=0.2"],
        "noise.beta-0.1_seed-1": ["seed=1", "noise.beta=0.1"],
        "noise.beta-0.2_seed-1": ["seed=1", "noise.beta=0.2"],
    }


def test_nothing_to_sweep_is_one_job(opened):
    sweep, _ = expand(opened, "train", ["seed=3"])
    assert sweep.jobs == {"job": []}
    assert sweep.overrides("job") == ["seed=3"]


def test_new_values_meet_the_old_jobs_other_values(opened):
    begun = Sweep("train", ["trainer.epochs=2"], ["seed", "noise.beta"], {}, started="then")
    begun.add(["seed=0", "noise.beta=0.1"])
    begun.add(["seed=0", "noise.beta=0.2"])
    sweep, _ = expand(opened, "train", ["seed=5", "trainer.epochs=9"], begun)
    assert list(sweep.jobs) == [
        "noise.beta-0.1_seed-0",
        "noise.beta-0.2_seed-0",
        "noise.beta-0.1_seed-5",
        "noise.beta-0.2_seed-5",
    ]
    assert sweep.fixed == ["trainer.epochs=9"]
    assert sweep.started == "then"
    assert list(begun.jobs) == ["noise.beta-0.1_seed-0", "noise.beta-0.2_seed-0"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["output_root=a,b"], "output_root=a,b: a sweep has one output_root"),
        (["allow_targets=[a],[b]"], "a sweep has one allow_targets"),
        (["seed=range(0)"], "seed=range\\(0\\): no"),
    ],
)
def test_mistakes(opened, words, message):
    with pytest.raises(UsageError, match=message):
        expand(opened, "train", words)
