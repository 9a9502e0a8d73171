"""The help page has a line for every stage."""

from ib_runner.commands.help import help_page
from ib_runner.stages.stage import stages


def test_every_stage_with_its_summary():
    lines = [line.split(maxsplit=1) for line in help_page().splitlines() if line.startswith("  ")]
    listed = [(name, rest) for name, rest in lines if name in stages()]
    assert listed[: len(stages())] == [(one.name, one.summary) for one in stages().values()]
