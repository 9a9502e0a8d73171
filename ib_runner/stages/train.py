"""``ib-run train``: one network, from its configuration to checkpoints and losses."""

from ib_runner.stages.cost import Cost, duration_text, size_text
from ib_runner.stages.stage import Stage

#: bytes of a new run's configuration, state, table of losses and last state of its optimizer
BYTES_A_RUN = 40e3


class Train(Stage):
    name = "train"
    summary = "train one network, keeping the weights of every epoch"
    place = 10
    makes_runs = True
    may_change = ("trainer.epochs", "trainer.together")

    def validate(self, config, new):
        from ib_runner.config.validate import check_measurements, check_new_run

        check_measurements(config)  # training is long: not afterwards
        if new:
            check_new_run(config)

    def work(self, config, run):
        from ib_runner.stages.train_run import train

        train(config, run)

    def is_done(self, config, run):
        return run.state == "complete" and run.config.trainer.epochs >= config.trainer.epochs

    def over_runs(self, sweep):
        sweep.collect_tables()

    def cost(self, config, run, builder):
        from ib_runner.stages.timing import time_training

        done = run.epochs[-1] if run is not None and run.epochs else 0
        left = config.trainer.epochs - done
        if left <= 0:
            return Cost(f"{done} epochs are done, nothing is left to do")
        dataset, network = builder().tried
        batch = config.trainer.batch_size or len(dataset.train)
        steps = -(-len(dataset.train) // batch)
        times = time_training(builder())
        scoring = (len(dataset.train) + len(dataset.test)) * times.score
        seconds = left * (steps * times.step + scoring)
        tensors = network.state_dict().values()
        size = sum(one.numel() * one.element_size() for one in tensors)
        size *= left // config.trainer.checkpoint_every + 1
        size += BYTES_A_RUN if run is None else 0.0
        return Cost(
            f"{left} epochs of {steps} steps to do, {done} are done; at most about "
            f"{duration_text(seconds)} (timed just now: a step of the plain trainer takes "
            f"{times.step * 1e3:.2g} ms, scoring an epoch {duration_text(scoring)}), "
            f"{size_text(size)} on disk",
            seconds,
            size,
        )
