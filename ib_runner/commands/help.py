"""The help pages: of ib-run from ``conf/hydra/help/stages.yaml``, of a stage from its keys."""

import textwrap
from collections.abc import Iterable, Sequence
from importlib import resources

from omegaconf import OmegaConf

from ib_runner.config.described import (
    FILES,
    Described,
    keys_of_node,
    own_keys,
    top_level_keys,
)
from ib_runner.stages.stage import Stage, stages

#: the largest help page: lines, and characters in a line
LINES, WIDTH = 60, 100
#: configuration groups of which a new run has one entry each
GROUPS = ("exp", "dataset", "network", "noise", "regularizer", "optimizer", "logging")


def register_stages() -> None:
    """Register Hydra's resolver ``${stages:}``: a line for each stage on the help page."""
    OmegaConf.register_new_resolver("stages", _lines, replace=True)


def _lines() -> str:
    width = max(map(len, stages())) + 2
    return "\n".join(f"  {name:<{width}}{one.summary}" for name, one in stages().items())


def help_page() -> str:
    """What ``ib-run --help`` prints."""
    register_stages()
    page = resources.files("ib_runner.conf").joinpath("hydra/help/stages.yaml")
    return OmegaConf.create(page.read_text(encoding="utf-8")).header.rstrip()


def stage_page(stage: Stage) -> str:
    """What ``ib-run STAGE --help`` prints: usage, and the keys of that stage."""
    usage = _usage(stage)
    for write in (_in_full, _in_a_line):
        body = write(_keys(stage))
        page = "\n".join([*usage, *body, *_more(stage)])
        if page.count("\n") < LINES:
            return page
    return page


def _usage(stage: Stage) -> list[str]:
    lines = [f"ib-run {stage.name}: {stage.summary}", ""]
    if stage.makes_runs:
        return [
            *lines,
            f"  ib-run {stage.name} [+exp=NAME] [key=value …]         a new run",
            f"  ib-run {stage.name} run=PATH [key=value …]            go on with a run",
            f"  ib-run {stage.name} -m key=value,value 'seed=range(8)'    a sweep; run=PATH: go on",
            "",
        ]
    run = " [run=PATH]" if stage.on_runs and not stage.needs_run else ""
    run = " run=PATH" if stage.needs_run else run
    return [*lines, f"  ib-run {stage.name}{run} [key=value …]", ""]


def _keys(stage: Stage) -> list[Described]:
    if stage.own_keys:
        try:
            return own_keys(stage.name)
        except FileNotFoundError:  # a user's own stage has its YAML in --config-dir
            return []
    nodes = [node for node in FILES if node in stage.may_change]
    if stage.makes_runs:
        nodes = [node for node in FILES if node == "trainer" or node in stage.may_change]
    first = [one for one in top_level_keys() if stage.makes_runs or one.key in ("device",)]
    first += [one for one in top_level_keys() if one.key == "output_root" and one not in first]
    return [*(one for node in nodes for one in keys_of_node(node)), *first]


def _in_full(keys: Sequence[Described]) -> list[str]:
    """Two lines or more for each key: its default, its sentence, what it accepts."""
    lines = []
    for one in keys:
        said = "; ".join(filter(None, [one.sentence, one.accepts and f"takes {one.accepts}"]))
        lines += [f"  {one.text}", *_filled(said, 6)]
    return lines


def _in_a_line(keys: Sequence[Described]) -> list[str]:
    """A line for each key: its default and its sentence."""
    width = min(36, max(len(one.text) for one in keys))
    lines = (f"{one.text:<{width}}  {one.sentence}".rstrip() for one in keys)
    return [f"  {line if len(line) < WIDTH - 2 else line[: WIDTH - 3] + '…'}" for line in lines]


def _more(stage: Stage) -> Iterable[str]:
    lines = [""]
    if stage.makes_runs:
        lines += [*_filled(f"Entries of groups, group=entry: {', '.join(GROUPS)}.", 2)]
    elif not stage.own_keys and (changes := stage.may_change):
        lines += [*_filled(f"On a run that exists it may change {', '.join(changes)}.", 2)]
    flags = "--dry-run says what would be done and how long it takes; " if stage.on_runs else ""
    rest = "the whole configuration and all entries" if not stage.own_keys else "Hydra's page"
    return [*lines, *_filled(f"{flags}--cfg job prints the configuration; --help=all {rest}.", 2)]


def _filled(text: str, indent: int) -> list[str]:
    space = " " * indent
    return textwrap.wrap(text, WIDTH, initial_indent=space, subsequent_indent=space)
