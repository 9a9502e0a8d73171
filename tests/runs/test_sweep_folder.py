"""Names of jobs, and sweeps written and read again."""

import json
import re

import pytest

from ib_runner.errors import DamagedFileError, UsageError
from ib_runner.runs.sweep_folder import LONGEST_NAME, Sweep, job_name, read_sweep, write_sweep


def test_names_are_sorted_by_key():
    assert job_name(["seed=0", "noise.beta=0.005"]) == "noise.beta-0.005_seed-0"
    assert job_name(["+exp=szt_relu"]) == "exp-szt_relu"
    assert job_name([]) == "job"


@pytest.mark.parametrize(
    "override", ["network.widths=[10,7]", "experiment='a b'", "output=../../etc", "x=ä/\\:*"]
)
def test_names_hold_safe_characters_only(override):
    assert re.fullmatch(r"[A-Za-z0-9._-]+", job_name([override]))
    assert "/" not in job_name([override])


def test_a_collision_gets_a_hash():
    sweep = Sweep(stage="train", fixed=[], keys=["network.widths"], jobs={})
    names = [sweep.add([one]) for one in ("network.widths=[1,2]", "network.widths=[1;2]")]
    assert names[0] == "network.widths--1-2-"
    assert re.fullmatch(r"network\.widths--1-2--[0-9a-f]{8}", names[1])
    assert len({name.lower() for name in names}) == 2


def test_names_that_differ_in_case_alone_are_told_apart():
    sweep = Sweep(stage="train", fixed=[], keys=["experiment"], jobs={})
    names = [sweep.add([f"experiment={one}"]) for one in ("A", "a")]
    assert names[0].lower() != names[1].lower()


def test_a_long_name_is_cut_and_told_apart_by_its_hash():
    names = [job_name([f"x={'1' * 300}{last}"]) for last in "ab"]
    assert all(len(name) <= LONGEST_NAME + 9 for name in names)
    assert names[0] != names[1]


def test_the_same_overrides_are_the_same_job():
    sweep = Sweep(stage="train", fixed=[], keys=["seed", "noise.beta"], jobs={})
    assert sweep.add(["seed=0", "noise.beta=1"]) == sweep.add(["noise.beta=1", "seed=0"])
    assert len(sweep.jobs) == 1


def test_written_and_read_again(tmp_path):
    sweep = Sweep(stage="train", fixed=["+exp=szt_tanh"], keys=["seed"], jobs={})
    sweep.add(["seed=0"])
    write_sweep(tmp_path / "sweep_1", sweep)
    again = read_sweep(tmp_path / "sweep_1")
    assert again == sweep
    assert again.overrides("seed-0") == ["+exp=szt_tanh", "seed=0"]


def test_no_sweep(tmp_path):
    with pytest.raises(UsageError, match="no sweep"):
        read_sweep(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        {"jobs": {"../../away": ["seed=0"]}},
        {"jobs": {"/away": ["seed=0"]}},
        {"jobs": {"seed-0": [1]}},
        {"jobs": ["seed-0"]},
        {"fixed": ["hydra/launcher=joblib"]},
        {"fixed": ["+hydra.searchpath=[file:///away]"]},
        {"keys": 3},
        {"keys": "seed"},
        {"started": 5},
        {"schema_version": "1"},
        {"schema_version": 10**6},
        {"surprise": 1},
    ],
)
def test_what_a_file_says_is_checked(tmp_path, change):
    write_sweep(tmp_path, Sweep(stage="train", fixed=[], keys=["seed"], jobs={"seed-0": []}))
    content = json.loads((tmp_path / "sweep.json").read_text())
    (tmp_path / "sweep.json").write_text(json.dumps({**content, **change}))
    with pytest.raises(DamagedFileError, match=r"sweep\.json"):
        read_sweep(tmp_path)


def test_a_truncated_file_is_named(tmp_path):
    (tmp_path / "sweep.json").write_text('{"stage": "tra')
    with pytest.raises(DamagedFileError, match=r"sweep\.json"):
        read_sweep(tmp_path)


@pytest.mark.parametrize("change", [{"surprise": 1}, {"schema_version": 10**6, "surprise": 1}])
def test_a_file_of_a_newer_version(tmp_path, change):
    write_sweep(tmp_path, Sweep(stage="train", fixed=[], keys=["seed"], jobs={"seed-0": []}))
    content = json.loads((tmp_path / "sweep.json").read_text())
    (tmp_path / "sweep.json").write_text(json.dumps({**content, **change}))
    with pytest.raises(DamagedFileError, match="Update ib-run"):
        read_sweep(tmp_path)
