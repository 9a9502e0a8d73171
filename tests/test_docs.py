"""README and documentation: code that runs, commands that exist, figures that have a source."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import ib_runner
from ib_runner.stages.stage import stages

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
#: stands above a block that needs what is not there: a run of the reader's, say
NOT_RUN = "<!-- not run: "


def blocks(page, kind):
    found = re.finditer(r"(?:^(<!--.*?-->)\n)?^```(\w*)\n(.*?)^```$", page.read_text(), re.M | re.S)
    return [
        (above or "", code) for above, name, code in (m.groups() for m in found) if name == kind
    ]


def with_python():
    return [
        page
        for page in PAGES
        if any(not above.startswith(NOT_RUN) for above, _ in blocks(page, "python"))
    ]


@pytest.mark.parametrize("page", with_python(), ids=lambda page: page.stem)
def test_python_on_pages_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "page"}
    for above, code in blocks(page, "python"):
        if above.startswith(NOT_RUN):
            compile(code, str(page), "exec")
        else:
            exec(compile(code, str(page), "exec"), names)


def test_commands_on_pages_exist():
    known = set(stages())
    lines = [
        (page.name, line)
        for page in PAGES
        for _, code in blocks(page, "sh")
        for line in code.splitlines()
        if re.search(r"\bib-run ", line)
    ]
    assert lines
    for page, line in lines:
        word = re.search(r"\bib-run (\S+)", line)[1]
        assert word in known | {"--help"}, f"{page}: {line}"


def test_readme_is_short():
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 120
    assert max(map(len, lines)) <= 120


def test_figures_of_the_readme_come_from_results():
    text = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    made = result("szt_tanh")
    assert f"{made['intervals']} certified intervals" in text
    assert f"{made['median width (nats)']:.3f} nats wide in the median" in text
    assert f"{made['largest width (nats)']:.3f} at most" in text
    assert f"{made['epochs trained']:,} epochs of the network above" in text
    made = result("report")
    assert f"has {made['size (MB)']:.1f} MB" in text
    assert f"after {made['in view after (s of the processor)']:.2f} s of processor time" in text


def result(name):
    return json.loads((ROOT / "results" / f"{name}.json").read_text(encoding="utf-8"))


def test_every_result_says_what_made_it():
    results = sorted((ROOT / "results").glob("*.csv"))
    assert results
    for path in results:
        made = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        assert {"command", "revision", "machine", "date"} <= made.keys(), path


def test_one_version_everywhere():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    cited = re.search(r"^version: (\S+)$", (ROOT / "CITATION.cff").read_text(), re.M)[1]
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    (released, date) = re.search(r"^## \[(\d\S*)\] - (\S+)$", changes, re.M).groups()
    assert project["version"] == cited == released
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", date)


NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_were_run_from_first_to_last(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    outputs = [one for cell in code for one in cell["outputs"]]
    assert len(outputs) >= len(code) - 2
    assert not [one for one in outputs if one["output_type"] == "error" or "/tmp/" in str(one)]
    page = path.with_suffix(".md").read_text(encoding="utf-8")
    assert f"<!-- made: notebook {path.stem} -->" in page


@pytest.mark.long
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_run_again(path):
    pytest.importorskip("nbclient", reason="pip install 'ib-run[docs]'")
    script = ROOT / "scripts" / "run_notebooks.py"
    done = subprocess.run(
        [sys.executable, str(script), "--dry-run", path.stem],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.long
def test_the_site_builds_strictly(tmp_path):
    pytest.importorskip("material", reason="pip install 'ib-run[docs]'")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    tables = (tmp_path / "site" / "reference" / "tables" / "index.html").read_text()
    assert "mutual_information" in tables
    assert "made:" not in tables


def test_the_run_of_mnist_that_is_kept_can_be_looked_at(tmp_path, ib_run):
    run = tmp_path / "run"
    shutil.copytree(ROOT / "results" / "mnist" / "run", run)
    assert sum(path.stat().st_size for path in run.rglob("*")) < 5e6
    (status, out, err) = ib_run("report", f"run={run}")
    assert (status, out) == (0, [str(run / "report.html")]), err
    opened = ib_runner.open_run(run)
    assert opened.table("training")["epoch"].max() == 128
    assert set(opened.table("binned_entropy")["layer"]) == {1, 2, 3}
