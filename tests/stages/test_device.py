"""A device that this machine lacks is refused by the stages that compute on it, and no others."""

import pytest
from omegaconf import OmegaConf

from ib_runner.errors import UsageError
from ib_runner.stages.stage import stages

TRAINED_ELSEWHERE = OmegaConf.create({"device": "cuda"})


@pytest.fixture(autouse=True)
def _no_gpu(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)


@pytest.mark.parametrize("stage", ["train", "measure", "all"])
def test_stages_that_compute_need_the_device(stage):
    with pytest.raises(UsageError, match="device=cuda: this machine has no such device"):
        stages()[stage].validate(TRAINED_ELSEWHERE, new=False)


@pytest.mark.parametrize("stage", ["plot", "check", "report"])
def test_tables_of_a_run_trained_elsewhere_are_drawn_and_checked_here(stage):
    stages()[stage].validate(TRAINED_ELSEWHERE, new=False)
