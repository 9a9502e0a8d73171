"""``ib-run export``: tables for a spreadsheet."""

from ib_runner.stages.cost import Cost
from ib_runner.stages.written import WrittenFromTables

#: about how many times larger a CSV file is than the parquet file of the same table
LARGER = 8


class Export(WrittenFromTables):
    name = "export"
    summary = "write every table as a CSV file, for a spreadsheet"
    place = 47

    def write(self, folder):
        from ib_runner.report import export_tables

        return export_tables(folder)

    def written(self, folder):
        from ib_runner.report.export import FOLDER

        return folder / FOLDER

    def cost(self, config, run, builder):
        files = [] if run is None else list(run.path.rglob("*.parquet"))
        size = sum(file.stat().st_size for file in files)
        return Cost(f"{len(files)} CSV files; seconds", size=LARGER * size)
