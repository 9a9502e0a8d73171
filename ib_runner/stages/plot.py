"""``ib-run plot``: from tables to figures."""

from ib_runner.stages.cost import Cost, duration_text
from ib_runner.stages.stage import Stage

#: rough cost of one figure in one format: seconds of drawing, and bytes of its file
SECONDS_A_FILE, BYTES_A_FILE = 2.0, 3e5


class Plot(Stage):
    name = "plot"
    summary = "draw the tables"
    place = 30
    may_change = ("plot", "figure")

    def work(self, config, run):
        from ib_runner.stages.plot_run import plot

        plot(config, run)

    def over_runs(self, sweep):
        from ib_runner.stages.plot_sweep import plot_sweep

        plot_sweep(sweep)

    def cost(self, config, run, builder):
        files = len(config.plot.figures) * len(config.plot.formats)
        seconds = files * SECONDS_A_FILE
        return Cost(
            f"{', '.join(config.plot.figures) or 'nothing'} as {', '.join(config.plot.formats)}; "
            f"about {duration_text(seconds)} (at {SECONDS_A_FILE:g} s a file)",
            seconds,
            files * BYTES_A_FILE,
        )
