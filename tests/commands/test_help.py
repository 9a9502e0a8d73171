"""The help pages: a line for every stage, and of each its keys with a sentence and a default."""

import pytest

from ib_runner.commands.help import help_page, stage_page
from ib_runner.config.described import keys_of_node, own_keys, top_level_keys
from ib_runner.config.keys import PLAIN
from ib_runner.stages.stage import stages

ENTRIES = ("measurement", "figure", "findings")


@pytest.mark.parametrize("name", sorted(stages()))
def test_a_page_fits_a_screen(name):
    lines = stage_page(stages()[name]).splitlines()
    assert len(lines) <= 60
    assert max(map(len, lines)) <= 100
    assert f"ib-run {name}" in lines[0]


def test_every_key_has_a_sentence_and_a_default():
    described = [
        *top_level_keys(),
        *(key for node in ("trainer", "measure", "plot") for key in keys_of_node(node)),
    ]
    assert {one.key for one in described} == set(PLAIN) - set(ENTRIES)
    assert [one.key for one in described if not one.sentence] == []
    assert [
        one.key for name in ("list", "thin", "table") for one in own_keys(name) if not one.sentence
    ] == []


def test_what_a_page_says():
    page = stage_page(stages()["measure"])
    assert "measure.target_width=0.05" in page
    assert "narrower takes longer" in page
    assert "trainer.epochs" not in page
    assert "trainer.epochs=10000" in stage_page(stages()["all"])


def test_every_stage_with_its_summary():
    lines = [line.split(maxsplit=1) for line in help_page().splitlines() if line.startswith("  ")]
    listed = [(name, rest) for name, rest in lines if name in stages()]
    assert listed[: len(stages())] == [(one.name, one.summary) for one in stages().values()]
