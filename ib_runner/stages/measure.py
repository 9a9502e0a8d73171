"""``ib-run measure``: from checkpoints to tables."""

from ib_runner.stages.cost import Cost, duration_text, size_text
from ib_runner.stages.stage import Stage

#: rough cost of a point (one epoch of one layer): seconds in one process, and bytes of tables
SECONDS_A_POINT, BYTES_A_POINT = 1.0, 60e3


class Measure(Stage):
    name = "measure"
    summary = "read the weights, write tables of what was measured"
    place = 20
    may_change = ("measure", "measurement", "noise.beta")

    def validate(self, config, new):
        from ib_runner.config.validate import check_measurements, check_measuring

        check_measurements(config)
        check_measuring(config)

    def work(self, config, run):
        for error in self.work_on_all({run: config}).values():
            raise error

    def work_on_all(self, configs):
        from ib_runner.stages.measure_runs import measure_runs

        return measure_runs(configs)

    def over_runs(self, sweep):
        from ib_runner.stages.measure_sweep import measure_sweep

        sweep.collect_tables()
        measure_sweep(sweep)

    def cost(self, config, run, builder):
        from ib_runner.networks import channels
        from ib_runner.stages.asked_epochs import epochs_to_measure
        from ib_runner.stages.measure_processes import n_workers
        from ib_runner.stages.timing import time_pass

        dataset, network = builder().tried
        last, every = config.trainer.epochs, config.trainer.checkpoint_every
        checkpointed = run.epochs if run is not None else [*range(0, last, every), last]
        epochs = epochs_to_measure(config, checkpointed)
        points = len(epochs) * len(channels(network.eval(), dataset.all.x[:2]))
        n_inputs = len(getattr(dataset, config.measure.inputs))
        passes = len(epochs) * n_inputs * time_pass(builder())
        workers = n_workers(config.measure.n_jobs, len(epochs))
        seconds = (passes + points * SECONDS_A_POINT) / workers
        size = points * BYTES_A_POINT
        return Cost(
            f"{', '.join(config.measure.measurements) or 'nothing'} at {len(epochs)} epochs, "
            f"{points} points; about {duration_text(seconds)} (at {SECONDS_A_POINT:g} s a point "
            f"and process, passes through the network {duration_text(passes)}), "
            f"{size_text(size)} of tables{_tables_of(run)}",
            seconds,
            size,
        )


def _tables_of(run):
    names = sorted(path.stem for path in run.path.glob("measurements/*.parquet")) if run else []
    return f"; there are {', '.join(names)}" if names else ""
