"""``ib-run report``: a run or a sweep as one interactive HTML page."""

from ib_runner.stages.cost import Cost
from ib_runner.stages.written import WrittenFromTables

#: approximate upper bounds of a page's size in bytes, and of the seconds to write it
BYTES, SECONDS = 8e6, 10.0


class Report(WrittenFromTables):
    name = "report"
    summary = "make one HTML file of a run or a sweep, to explore offline"
    place = 46

    def write(self, folder):
        from ib_runner.report import write_report

        return write_report(folder)

    def written(self, folder):
        from ib_runner.report.write import NAME

        return folder / NAME

    def cost(self, config, run, builder):
        return Cost("an HTML file of up to 8 MB; seconds", SECONDS, BYTES)
