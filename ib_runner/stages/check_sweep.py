"""Checking a sweep: findings about its runs together, and the share of runs where each holds."""

from ib_runner.config.builder import Builder, for_runs
from ib_runner.runs.log import logger
from ib_runner.stages.check_run import finding_row, no_findings
from ib_runner.stages.sweep_of_runs import SweepOfRuns
from ib_runner.stages.verdicts import of_sweep
from ib_runner.tables.collect import collect_findings


def check_sweep(sweep: SweepOfRuns) -> None:
    """Write and print the share of runs in which each finding holds, and the findings over runs.

    A finding over runs is left out where the sweep does not vary its keys.
    """
    rows = [
        finding_row(name, finding, finding.over_runs(sweep.tables, sweep.about), len(sweep.runs))
        for name, (finding, _) in sweep.entries(Builder.findings).items()
        if sweep.has_keys(finding)
    ]
    if not rows and not any(config.findings for config in sweep.configs):
        logger.warning(no_findings(sweep.configs[0]))
        return
    over_runs = collect_findings(sweep.path, sweep.swept, rows, _rules(sweep))
    if over_runs:
        experiments = {context.experiment for context in sweep.about.contexts.values()}
        same = experiments.pop() if len(experiments) == 1 else None
        print(of_sweep(over_runs, sweep.keys, same))


def _rules(sweep: SweepOfRuns) -> dict[str, dict[str, str]]:
    """The rule of each finding in words, by the run's name, then the finding's."""
    return {
        run.path.name: {
            name: finding.rule for name, finding in for_runs(run.builder(config).findings()).items()
        }
        for run, config in zip(sweep.runs, sweep.configs, strict=True)
    }
