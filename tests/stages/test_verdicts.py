"""The text of findings' verdicts."""

from ib_runner.stages.verdicts import in_blocks, of_sweep


def row(run, name, holds, measured="1 | 2"):
    one = {"run": run, "finding": name, "expected": "it\nrises", "measured": measured}
    return {**one, "holds": holds, "why": "it must"}


def test_a_run_in_blocks():
    text = in_blocks([row("all", "rise", "yes"), row("all", "fall", "no")])
    lines = text.splitlines()
    assert lines[0] == "yes       rise: 1 | 2"
    assert "why: it must" in lines[2]
    assert lines[-1] == "2 findings: 1 yes, 1 no, 0 undecided"


def test_what_is_undecided_of_a_run_is_one_paragraph_with_the_reasons():
    rows = [row("all", name, "undecided") for name in ("x", "y")] + [row("all", "rise", "yes")]
    lines = in_blocks(rows).splitlines()
    assert lines[0] == "yes       rise: 1 | 2"
    assert lines[-2:] == ["undecided: x, y (it must)", "3 findings: 1 yes, 0 no, 2 undecided"]
    assert len(lines) == 5


def test_a_sweep_fits_a_terminal_and_what_is_undecided_is_one_paragraph():
    long = "a quantity of many words " * 12
    rows = [
        row("all exp=a", "rise", "yes", long),
        row("all exp=a", "x", "undecided", "nothing"),
        row("all exp=a", "y", "undecided", "nothing"),
        row("b", "rise", "no"),
    ]
    lines = of_sweep(rows).splitlines()
    assert max(map(len, lines)) <= 100
    assert lines[0] == "all exp=a"
    assert lines[1].startswith("yes       rise: a quantity")
    assert lines.count("undecided: x, y (it must)") == 1
    assert lines[lines.index("b") + 1] == "no        rise: 1 | 2"
    assert lines[-1] == "4 findings: 1 yes, 1 no, 2 undecided"


def test_the_verdicts_on_a_sweep_of_one_experiment_have_its_name():
    rows = [row("all", "rise", "yes"), row("all noise.beta=0.1", "x", "no")]
    lines = of_sweep(rows, ("noise.beta",), "szt").splitlines()
    assert [line for line in lines if line.startswith("szt")] == ["szt", "szt noise.beta=0.1"]


def test_a_sweep_of_many_values_has_a_line_for_each_finding():
    holds = {0.01: "no", 0.02: "no", 0.03: "no", 0.04: "no", 0.05: "undecided"}
    rows = []
    for beta in [round(0.01 * i, 2) for i in range(1, 101)]:
        runs = {"run": f"all noise.beta={beta}", "noise.beta": beta}
        rows += [
            row("", "rise", "yes") | runs,
            row("", "fall", holds.get(beta, "yes")) | runs,
            row("", "x", "undecided") | runs,
        ]
    rows.append(row("all", "trend", "no"))
    lines = of_sweep(rows, ("noise.beta", "seed"), "szt").splitlines()
    assert lines[:7] == [
        "szt: 100 values of noise.beta",
        "  yes   no  undecided",
        "  100    0          0  rise",
        "   95    4          1  fall",
        " " * 23 + "no: noise.beta=0.01, noise.beta=0.02, noise.beta=0.03 and 1 more",
        " " * 23 + "undecided: noise.beta=0.05",
        "undecided: x (it must)",
    ]
    assert "no        trend: 1 | 2" in lines
    assert lines[-2:] == [
        "run=FOLDER/RUN prints the findings of one run in full.",
        "301 findings: 195 yes, 5 no, 101 undecided",
    ]
    assert len(lines) < 20
    assert max(map(len, lines)) <= 100


def test_experiments_of_a_sweep_are_not_counted_together():
    rows = [
        row(f"all exp={exp} noise.beta={beta}", "rise", "yes") | {"exp": exp, "noise.beta": beta}
        for exp in ("a", "b")
        for beta in range(1, 6 if exp == "a" else 3)
    ]
    lines = of_sweep(rows, ("exp", "noise.beta")).splitlines()
    assert "all exp=a: 5 values of noise.beta" in lines
    assert "    5    0          0  rise" in lines
    assert "all exp=b noise.beta=2" in lines
