"""What `ib-run list` prints on terminals of several widths."""

from omegaconf import OmegaConf

from ib_runner.runs.folder import Run
from ib_runner.stages.listing import list_runs

CONFIG = OmegaConf.create({"experiment": "spiral", "seed": 3})
TABLES = ("binned_entropy", "density", "distance_histogram", "mutual_information")


def test_on_a_narrow_terminal_the_settings_follow_below_the_row(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = Run.create(CONFIG, tmp_path / "outputs" / "spiral" / "a")
    (run.path / "figures").mkdir()
    (run.path / "figures" / "losses.png").touch()
    for name in TABLES:
        run.table_path(name).parent.mkdir(exist_ok=True)
        run.table_path(name).touch()
    whole = list_runs("outputs").splitlines()
    assert len(whole) == 2
    assert max(map(len, whole)) > 100
    assert list_runs("outputs", width=200).splitlines() == whole
    for width in (60, 80, 100):
        lines = list_runs("outputs", width=width).splitlines()
        assert max(map(len, lines)) <= width
        assert lines[1].startswith("outputs/spiral/a ")
        assert all(line.startswith("    ") for line in lines[2:])
        below = " ".join(line.strip() for line in lines[2:])
        assert "seed 3" in below
        assert "1 figure;" in below
        assert below.endswith(f"measured {', '.join(TABLES)}")


def test_a_folder_wider_than_the_terminal_is_said_once_above_the_paths(tmp_path):
    root = tmp_path / ("a_long_name_" * 9) / "outputs"
    for name in ("a", "b"):
        Run.create(CONFIG, root / "spiral" / name)
    lines = list_runs(str(root), width=60).splitlines()
    assert max(map(len, lines)) <= 60
    head = next(i for i, line in enumerate(lines) if line.startswith("path "))
    assert "".join(lines[:head]).replace("in /", "/", 1) == f"{root}:"
    assert [line.split()[0] for line in lines[head + 1 :] if line[0] != " "] == [
        "spiral/a",
        "spiral/b",
    ]
