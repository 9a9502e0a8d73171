"""``ib-run measure``: from checkpoints to tables."""

from ib_runner.stages.cost import LONG_SECONDS, Cost
from ib_runner.stages.stage import Stage
from ib_runner.wording import counted, duration_text, size_text

#: bytes of all tables per epoch; seconds to start the worker processes
BYTES_AN_EPOCH, SECONDS_A_START = 3e5, 4.0
#: the densities of a forecast interval, in words
DENSITIES = {
    "exact": "exact densities",
    "clouds": "clouds of draws",
    "paths": "paths aimed at each point",
    "none": "H(X) and a lower end",
}
#: seconds that are not timed: per run, and per epoch for reading weights and writing tables
SECONDS_A_RUN, SECONDS_AN_EPOCH = 1.0, 0.05
#: how many times as long as the middle one of the measured epochs they may take on average
CAUTION = 1.5
#: upper bound of the seconds to measure one input in one layer, per (units of the layer + 10)
MOST_A_UNIT = 5e-5


class Measure(Stage):
    name = "measure"
    summary = "read the weights, write tables of what was measured"
    place = 20
    may_change = ("measure", "measurement", "noise.beta")

    def validate(self, config, new):
        from ib_runner.config.validate import check_device, check_measurements, check_measuring

        check_device(config)
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

    def may_take_long(self, config, run, builder, times=1):
        from ib_runner.stages.measure_processes import compiled_before

        if config.measure.scheduler is not None or not compiled_before():
            return False  # a cluster has its own pace; timing would first compile the kernels
        from ib_runner.measurements.layers import channel_rows
        from ib_runner.stages.asked_epochs import epochs_to_measure

        built = builder()
        dataset = run.dataset() if run is not None else built.dataset()
        network = built.network(dataset).eval()
        inputs = getattr(dataset, config.measure.inputs)
        last, every = config.trainer.epochs, config.trainer.checkpoint_every
        epochs = epochs_to_measure(config, [*range(0, last, every), last])
        units = sum(10 + row["dim"] for row in channel_rows(network, inputs.x[:2]))
        if times * len(epochs) * len(inputs) * units * MOST_A_UNIT <= LONG_SECONDS:
            return False
        if run is not None and run.epochs and _is_measured(config, run):
            return False
        from ib_runner.files.provenance import processors
        from ib_runner.stages.forecast import seconds_of_an_epoch
        from ib_runner.stages.measure_processes import n_workers

        middle, workers = epochs[len(epochs) // 2], n_workers(config.measure.n_jobs, len(epochs))
        if run is not None and middle in run.epochs:
            network.load_state_dict(run.weights(middle))
        threads = max(1, processors() // workers)
        seconds = seconds_of_an_epoch(built, network, middle, epochs, inputs, threads)
        return seconds is None or times * len(epochs) * seconds * CAUTION / workers > LONG_SECONDS

    def cost(self, config, run, builder):
        from ib_runner.files.provenance import processors
        from ib_runner.stages.asked_epochs import epochs_to_measure
        from ib_runner.stages.forecast import forecast
        from ib_runner.stages.measure_processes import n_workers

        if run is not None and run.epochs and _is_measured(config, run):
            return Cost("all is measured with these settings, nothing is left to do")
        inputs, checkpointed, weights = _to_measure(config, run, builder)
        epochs = epochs_to_measure(config, checkpointed)
        workers = n_workers(config.measure.n_jobs, len(epochs))
        threads = max(1, processors() // workers)
        timed = forecast(builder(), epochs, inputs, weights, threads)
        seconds = sum(one.seconds for one in timed) + len(epochs) * SECONDS_AN_EPOCH
        seconds = seconds / workers + SECONDS_A_RUN + (SECONDS_A_START if workers > 1 else 0.0)
        size = len(epochs) * BYTES_AN_EPOCH
        many = f" by {workers} processes" if workers > 1 else ""
        lines = [
            f"{counted(len(epochs), 'epoch')}{many}; about {duration_text(seconds)}, "
            f"{size_text(size)} of tables",
            *(f"    {line}" for one in timed for line in _lines(one, workers)),
        ]
        return Cost("\n".join(lines), seconds, size, _why_long(timed, workers, config))


def _is_measured(config, run):
    from ib_runner.stages.measure_run import MeasuredRun

    return MeasuredRun(config, run).is_there


def _to_measure(config, run, builder):
    """The inputs to measure, the checkpointed epochs, and the weights of a few epochs, by epoch."""
    from ib_runner.stages.asked_epochs import epochs_to_measure
    from ib_runner.stages.timing import time_training

    if run is None or not run.epochs:
        dataset, _ = builder().tried
        last, every = config.trainer.epochs, config.trainer.checkpoint_every
        weights = time_training(builder()).weights
        return getattr(dataset, config.measure.inputs), [*range(0, last, every), last], weights
    epochs = epochs_to_measure(config, run.epochs)
    some = sorted({epochs[len(epochs) // 3], epochs[-1 - len(epochs) // 6], epochs[-1]})
    inputs = getattr(run.dataset(), config.measure.inputs)
    return inputs, run.epochs, {epoch: run.weights(epoch) for epoch in some}


def _lines(one, workers):
    yield _line(one, workers)
    if one.intervals is None:
        yield "  widths of intervals are not forecast: that would take about as long as measuring"
        return
    made = {each.densities: [] for each in one.intervals}
    for each in one.intervals:
        made[each.densities].append(f"layer {each.layer} {each.width:.2g}")
    for densities, widths in made.items():
        yield f"  intervals of {DENSITIES[densities]}, nats wide: {', '.join(widths)}"


def _line(one, workers):
    seconds = duration_text(one.seconds / workers)
    layers = ", ".join(
        f"layer {layer} {duration_text(part / workers)}" for layer, part in one.layers.items()
    )
    return (
        f"{one.name}, {counted(one.epochs, 'epoch')}: {seconds}{f' ({layers})' if layers else ''}"
    )


def _why_long(timed, workers, config):
    if not timed:
        return ""
    most = max(timed, key=lambda one: one.seconds)
    method = most.name.rpartition(" by ")[2] if " by " in most.name else None
    ways = {
        "coupled": f"a larger measure.target_width (it is {config.measure.target_width:g} nats)",
        None: "leave it out of measure.measurements",
    }
    way = ways.get(method, f"leave {method} out of measure.methods")
    return f"most of it {_line(most, workers)}; {way}, or fewer measure.epochs=[…], make it shorter"
