"""``ib-run check``: a run's tables against what the paper reports."""

from ib_runner.stages.cost import Cost
from ib_runner.stages.stage import Stage
from ib_runner.wording import counted


class Check(Stage):
    name = "check"
    summary = "check the tables against what the paper reports"
    place = 40
    may_change = ("findings",)
    says_path = False  # its output is the verdicts

    def work(self, config, run):
        from ib_runner.stages.check_run import check

        check(config, run)

    def over_runs(self, sweep):
        from ib_runner.stages.check_sweep import check_sweep

        check_sweep(sweep)

    def report(self, config, run):
        from ib_runner.stages.check_run import print_verdicts

        print_verdicts(config, run)

    def cost(self, config, run, builder):
        if not config.findings:
            return Cost("no findings to check")
        return Cost(f"{counted(len(config.findings), 'finding')}; seconds")
