"""``ib-run plot``: from tables to figures."""

from ib_runner.config.outline import outline
from ib_runner.stages.cost import Cost
from ib_runner.stages.stage import Stage
from ib_runner.wording import duration_text

#: seconds until the first figure, of one figure as png and pdf, and of those that take longer
SECONDS_TO_START, SECONDS_A_FIGURE = 1.0, 1.5
SECONDS = {"fig5": 6.0, "fig6": 3.2, "losses": 0.4, "information_plane": 2.5}
#: bytes of one figure in one format
BYTES_A_FILE = 1.5e5


class Plot(Stage):
    name = "plot"
    summary = "draw the tables"
    place = 30
    may_change = ("plot", "figure")

    def work(self, config, run):
        from ib_runner.stages.plot_run import plot

        plot(config, run)

    def work_in_sweep(self, config, run):
        from ib_runner.stages.plot_run import plot, wants_each_run

        if wants_each_run(config, run):
            plot(config, run)

    def over_runs(self, sweep):
        from ib_runner.stages.plot_sweep import plot_sweep

        plot_sweep(sweep)

    def cost(self, config, run, builder):
        figures = drawable(config, run)
        files = len(figures) * len(config.plot.formats)
        share = len(config.plot.formats) / 2
        seconds = SECONDS_TO_START + share * sum(
            SECONDS.get(one, SECONDS_A_FIGURE) for one in figures
        )
        if not figures:
            return Cost("nothing that can be drawn from the tables there will be")
        return Cost(
            f"{', '.join(figures)} as {', '.join(config.plot.formats)}; about "
            f"{duration_text(seconds)}",
            seconds,
            files * BYTES_A_FILE,
            "fewer plot.figures=[…], or plot.formats=[png], take less",
        )


def drawable(config, run):
    """The figures of a single run whose tables are there, or will be once it is measured."""
    from omegaconf import OmegaConf

    tree = OmegaConf.to_container(config, resolve=True)
    tables = {"training", "layers", *(one.stem for one in _files(run))}
    for name in tree["measure"]["measurements"] if not _files(run) else ():
        made = outline(tree["measurement"][name]["_target_"])
        tables.add(getattr(made, "table", name))
    return [one for one in tree["plot"]["figures"] if _can_be_drawn(one, tree, tables)]


def _files(run):
    return sorted(run.path.glob("measurements/*.parquet")) if run else []


def _can_be_drawn(name, tree, tables):
    figure = outline(tree["figure"][name]["_target_"])
    if figure is None:  # a user's own: it is not known what it needs
        return True
    if hasattr(figure, "over_runs") or not tables.issuperset(getattr(figure, "tables_needed", ())):
        return False
    entropies = [one for one in tree["measurement"].values() if "bin_widths" in one]
    widths = max((len(one["bin_widths"] or [0]) for one in entropies), default=0)
    targets = {
        target
        for name in tree["measure"]["measurements"]
        for target in tree["measurement"][name].get("targets", ())
    }
    return widths >= getattr(figure, "least_widths", 0) and targets.issuperset(
        getattr(figure, "targets_needed", ())
    )
