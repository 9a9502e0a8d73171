"""Findings as text."""

from ib_runner.stages.verdicts import in_blocks, in_tables


def row(run, name, holds, measured="1 | 2"):
    one = {"run": run, "finding": name, "expected": "it\nrises", "measured": measured}
    return {**one, "holds": holds, "why": "it must"}


def test_a_run_in_blocks():
    text = in_blocks([row("all", "rise", "yes"), row("all", "fall", "no")])
    lines = text.splitlines()
    assert lines[0] == "yes       rise: 1 | 2"
    assert "why: it must" in lines[2]
    assert lines[-1] == "2 findings: 1 yes, 1 no, 0 undecided"


def test_a_sweep_in_tables_that_markdown_reads():
    rows = [
        row("all exp=a", "rise", "yes"),
        row("all exp=a", "x", "undecided", "nothing"),
        row("b", "rise", "no"),
    ]
    lines = in_tables(rows).splitlines()
    assert [line for line in lines if line and line[0] != "|"] == ["all exp=a", "b"]
    tables = [line for line in lines if line.startswith("|")]
    assert len(tables) == 3 + 1 + 2 + 1
    assert tables[0] == "| finding | expected in the paper | measured | holds     |"
    assert set(tables[1]) == {"|", "-"}
    assert tables[2] == "| rise    | it rises              | 1 \\| 2   | yes       |"
    assert tables[3].split("|")[3].strip() == "it must"
    assert len({len(line) for line in tables[:4]}) == 1


def test_the_table_of_a_sweep_of_one_experiment_has_its_name():
    rows = [row("all", "rise", "yes"), row("all noise.beta=0.1", "x", "no")]
    headings = [line for line in in_tables(rows, "szt").splitlines() if line and line[0] != "|"]
    assert headings == ["szt", "szt noise.beta=0.1"]
