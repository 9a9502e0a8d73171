"""``ib-run plot``: from tables to figures."""

from contextlib import contextmanager, nullcontext
from functools import partial
from multiprocessing import parent_process

from ib_runner.config.outline import outline
from ib_runner.files.provenance import processors
from ib_runner.stages.cost import Cost
from ib_runner.stages.stage import Stage, on_each
from ib_runner.wording import duration_text

#: the module that draws, which other processes import
DRAWING = "ib_runner.stages.plot_run"
#: seconds to start; seconds of one figure of five layers as png and pdf; those of the figures that
#: are known; and the share of these seconds that does not depend on the number of layers
SECONDS_TO_START, SECONDS_A_FIGURE = 1.5, 0.6
SECONDS = {
    "fig5": 2.6,
    "fig6": 1.1,
    "activation_histogram": 0.85,
    "information_plane": 0.8,
    "representation": 0.8,
    "distance_histogram": 0.45,
    "mutual_information": 0.45,
    "binned_entropy": 0.3,
    "losses": 0.25,
}
LAYERS, WITHOUT = 5, 0.25
#: seconds of drawing from which on another process, which takes one to start, is worth it
WORTH_A_PROCESS = 4.0
#: with more processes, the longest figure takes as long as all the others
MOST_OTHERS = 2
#: bytes of one figure in one format
BYTES_A_FILE = 1.5e5


class Plot(Stage):
    name = "plot"
    summary = "draw the tables"
    place = 30
    may_change = ("plot", "figure")
    is_brief = True

    #: the processes that help with the run being prepared for
    _others = None

    @contextmanager
    def preparing(self, config, allow_targets):
        from ib_runner.stages.helper import helpers

        with helpers(_other_processes(config.plot.figures, config), DRAWING) as self._others:
            try:
                yield
            finally:
                self._others = None

    def work(self, config, run):
        from ib_runner.stages.helper import imported

        # a step of another stage, or called from Python, has not been prepared for
        with nullcontext() if self._others is not None else self.preparing(config, ()):
            others = self._others
            imported(DRAWING)  # meanwhile
            from ib_runner.stages.plot_run import plot

            plot(config, run, others)

    def work_in_sweep(self, config, run):
        from ib_runner.stages.plot_run import wants_each_run

        if wants_each_run(config, run):
            self.work(config, run)

    def work_on_all(self, configs):
        from ib_runner.stages.helper import helpers
        from ib_runner.stages.plot_run import plot, wants_each_run

        each = {run: config for run, config in configs.items() if wants_each_run(config, run)}
        others = max(
            (_other_processes(one.plot.figures, one, len(each)) for one in each.values()), default=0
        )
        with helpers(others, DRAWING) as started:
            return on_each(each, partial(plot, others=started))

    def over_runs(self, sweep):
        from ib_runner.stages.plot_sweep import plot_sweep

        plot_sweep(sweep)

    def cost(self, config, run, builder):
        figures = drawable(config, run)
        if not figures:
            return Cost("nothing that can be drawn from the tables there will be")
        return _drawing(figures, config)

    def cost_in_sweep(self, config, run, builder):
        own = run.config.plot.figures if run else config.plot.figures
        each = config.plot.each_run or list(own) != list(config.plot.figures)
        if each or not _of_sweeps(config):
            return self.cost(config, run, builder)
        return Cost("no figures of this run alone (plot.each_run=true draws them)")

    def cost_over_runs(self, configs):
        from omegaconf import OmegaConf

        config = configs[0]
        tables = _tables(OmegaConf.to_container(config, resolve=True))
        figures = [
            name
            for name, figure in _of_sweeps(config).items()
            if all(_differs(configs, key) for key in getattr(figure, "keys_needed", ()))
            and tables.issuperset(_needed(config.figure[name], figure))
        ]
        return _drawing(figures, config) if figures else None


def _other_processes(figures, config, n_runs=1):
    """How many processes help to draw ``figures`` of as many runs: none where they would not start
    in time.
    """
    if parent_process() is not None or n_runs * _seconds(figures, config) < WORTH_A_PROCESS:
        return 0
    n_jobs = config.measure.n_jobs
    return min(processors(), MOST_OTHERS + 1, *([n_jobs] if n_jobs > 0 else [])) - 1


def seconds_of(figure):
    """Seconds to draw ``figure`` of five layers as png and pdf."""
    return SECONDS.get(figure, SECONDS_A_FIGURE)


def _seconds(figures, config):
    """Seconds to draw ``figures`` in one process."""
    layers = len(config.network.get("widths") or range(LAYERS))
    times = len(config.plot.formats) / 2 * (WITHOUT + (1.0 - WITHOUT) * layers / LAYERS)
    return times * sum(map(seconds_of, figures))


def _drawing(figures, config):
    formats = config.plot.formats
    seconds = SECONDS_TO_START + _seconds(figures, config) / (1 + _other_processes(figures, config))
    return Cost(
        f"{', '.join(figures)} as {', '.join(formats)}; about {duration_text(seconds)}",
        seconds,
        len(figures) * len(formats) * BYTES_A_FILE,
        "fewer plot.figures=[…], or plot.formats=[png], take less",
    )


def _of_sweeps(config):
    """The figures over all runs of a sweep, by name."""
    found = {name: outline(config.figure[name]._target_) for name in config.plot.figures}
    return {name: one for name, one in found.items() if hasattr(one, "over_runs")}


def _differs(configs, key):
    from omegaconf import OmegaConf

    return len({str(OmegaConf.select(one, key)) for one in configs}) > 1


def _needed(entry, figure):
    """The tables that a figure needs; the figure of seeds needs one for each of its panels."""
    return {*getattr(figure, "tables_needed", ()), *entry.get("panels", ())}


def _tables(tree):
    """The tables that a run has once it is measured."""
    found = {"training", "layers"}
    for name in tree["measure"]["measurements"]:
        made = outline(tree["measurement"][name]["_target_"])
        found.add(getattr(made, "table", name))
    return found


def drawable(config, run):
    """The figures of a single run whose tables are there, or will be once it is measured."""
    from omegaconf import OmegaConf

    tree = OmegaConf.to_container(config, resolve=True)
    tables = {"training", "layers", *(one.stem for one in _files(run))}
    tables |= set() if _files(run) else _tables(tree)
    return [one for one in tree["plot"]["figures"] if _can_be_drawn(one, tree, tables)]


def _files(run):
    return sorted(run.path.glob("measurements/*.parquet")) if run else []


def _can_be_drawn(name, tree, tables):
    figure = outline(tree["figure"][name]["_target_"])
    if figure is None:  # a user's own figure: the tables that it needs are unknown
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
