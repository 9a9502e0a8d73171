"""The jobs of a sweep: one for every combination of the swept keys' values."""

from collections.abc import Sequence
from itertools import product

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra._internal.hydra import Hydra
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException

from ib_runner.config.compose import parse
from ib_runner.errors import UsageError
from ib_runner.runs.sweep_folder import Sweep

#: keys that cannot be swept, because they hold for the sweep as a whole
ONE_A_SWEEP = ("output_root", "allow_targets", "trainer.together")


def expand(
    hydra: Hydra, stage: str, overrides: Sequence[str], sweep: Sweep | None = None
) -> tuple[Sweep, list[str]]:
    """The sweep that ``overrides`` ask for, and those of the overrides that are Hydra's own.

    An existing ``sweep`` is extended: its overrides apply unless given again, and new values of
    swept keys add jobs to the existing ones. Raises ``UsageError`` for values that make no sweep.
    """
    parsed = parse(hydra, overrides)
    sweep = sweep or Sweep(stage=stage, fixed=[], keys=[], jobs={})
    ours = [one for one in parsed if not one.is_hydra_override()]
    swept = [one for one in ours if one.is_sweep_override() or _key(one) in sweep.keys]
    for one in swept:
        if _key(one) in ONE_A_SWEEP:
            raise UsageError(f"{one.input_line}: a sweep has one {_key(one)}; give one value.")
    fixed = {_key_of(line): line for line in sweep.fixed}
    fixed |= {_key(one): one.input_line for one in ours if one not in swept}
    for one in swept:
        fixed.pop(_key(one), None)
    planned = Sweep(
        stage=stage,
        fixed=list(fixed.values()),
        keys=list(dict.fromkeys([*sweep.keys, *map(_key, swept)])),
        jobs=dict(sweep.jobs),
        started=sweep.started,
    )
    for assignment in _assignments(swept, sweep):
        planned.add(assignment)
    return planned, [one.input_line for one in parsed if one.is_hydra_override()]


def _assignments(swept: Sequence[Override], sweep: Sweep) -> list[list[str]]:
    """The swept overrides of each job, all combinations of the given values.

    Keys that ``sweep`` varies already and that are not given again keep their values: each
    combination of these is joined with each of the given ones.
    """
    try:
        given = [list(job) for job in BasicSweeper.split_arguments(list(swept), None)[0]]
    except (HydraException, StopIteration, RuntimeError, ValueError) as error:
        lines = ", ".join(one.input_line for one in swept)
        raise UsageError(f"{lines}: no list of values ({error or 'it is empty'}).") from error
    if not given:
        raise UsageError(f"{', '.join(one.input_line for one in swept)}: no values to sweep over.")
    keys = {_key(one) for one in swept}
    rest = {
        tuple(line for line in job if _key_of(line) not in keys): None
        for job in sweep.jobs.values()
    }
    return [[*old, *new] for old, new in product(rest or {(): None}, given)]


def _key(one: Override) -> str:
    return one.key_or_group


def _key_of(line: str) -> str:
    return line.lstrip("+~").partition("=")[0]
