"""``ib-run export``: tables for a spreadsheet."""

from ib_runner.stages.cost import Cost
from ib_runner.stages.stage import Stage

#: a value as text takes about as many times what it takes in a parquet file
LARGER = 8


class Export(Stage):
    name = "export"
    summary = "write every table as a CSV file, for a spreadsheet"
    place = 47
    says_path = False  # its output is the path of the folder

    def work(self, config, run):
        from ib_runner.report import export_tables

        export_tables(run.path)

    def work_on_all(self, configs):
        """Nothing for each: the sweep's tables have the rows of all runs."""
        return {}

    def over_runs(self, sweep):
        from ib_runner.report import export_tables

        sweep.collect_tables()
        print(export_tables(sweep.path), flush=True)

    def report(self, config, run):
        from ib_runner.report.export import FOLDER

        print(run.path / FOLDER, flush=True)

    def cost(self, config, run, builder):
        files = [] if run is None else list(run.path.rglob("*.parquet"))
        size = sum(file.stat().st_size for file in files)
        return Cost(f"{len(files)} CSV files; seconds", size=LARGER * size)
