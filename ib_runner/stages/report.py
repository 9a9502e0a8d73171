"""``ib-run report``: a run or a sweep as one page to explore."""

from ib_runner.stages.cost import Cost
from ib_runner.stages.stage import Stage

#: a page has at most about as many bytes, and is written in about as many seconds
BYTES, SECONDS = 8e6, 10.0


class Report(Stage):
    name = "report"
    summary = "make one HTML file of a run or a sweep, to explore offline"
    place = 46
    says_path = False  # its output is the path of the page

    def work(self, config, run):
        from ib_runner.report import write_report

        write_report(run.path)

    def work_on_all(self, configs):
        """Nothing for each: a sweep has one page, on which every run can be chosen."""
        return {}

    def over_runs(self, sweep):
        from ib_runner.report import write_report

        sweep.collect_tables()
        print(write_report(sweep.path), flush=True)

    def report(self, config, run):
        from ib_runner.report.write import NAME

        print(run.path / NAME, flush=True)

    def cost(self, config, run, builder):
        return Cost("an HTML file of up to 8 MB; seconds", SECONDS, BYTES)
