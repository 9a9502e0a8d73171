"""``ib-run train``: one network, from its configuration to checkpoints and losses."""

from ib_runner.stages.cost import LONG_SECONDS, Cost
from ib_runner.stages.stage import Stage
from ib_runner.wording import counted, duration_text, size_text

#: bytes of a new run without its checkpoints: configuration, state, losses and resume state
BYTES_A_RUN = 40e3
#: seconds besides the epochs: opening the run, writing the first and the last checkpoint
SECONDS_A_RUN = 1.0
#: upper bounds in seconds: a training step per 1e5 weights, and scoring one input
MOST_A_STEP, MOST_AN_INPUT = 3e-3, 2e-5
#: how many times as long as the fastest of a few epochs many epochs may take on average
CAUTION = 2.0
#: what makes a new run shorter; one that goes on has to end as it began
_SHORTER = "; fewer with trainer.epochs=…, and a larger trainer.batch_size makes each shorter"


class Train(Stage):
    name = "train"
    summary = "train one network, keeping the weights of every epoch"
    place = 10
    makes_runs = True
    may_change = ("trainer.epochs", "trainer.together")

    def validate(self, config, new):
        from ib_runner.config.validate import check_device, check_measurements, check_new_run

        check_device(config)
        check_measurements(config)  # a mistake for `measure` is better known before training
        if new:
            check_new_run(config)

    def work(self, config, run):
        from ib_runner.stages.train_run import train

        train(config, run)

    def is_done(self, config, run):
        return run.state == "complete" and run.config.trainer.epochs >= config.trainer.epochs

    def over_runs(self, sweep):
        sweep.collect_tables()

    def may_take_long(self, config, run, builder, times=1):
        if run is not None and self.is_done(config, run):
            return False
        built = builder()
        dataset = built.dataset()
        weights = sum(one.numel() for one in built.network(dataset).parameters())
        n = len(dataset.train)
        steps = -(-n // (config.trainer.batch_size or n))
        epoch = steps * MOST_A_STEP * (1 + weights / 1e5) + n * MOST_AN_INPUT
        epochs = times * config.trainer.epochs
        if epochs * epoch <= LONG_SECONDS:
            return False
        from ib_runner.stages.timing import seconds_by_kernels

        made = seconds_by_kernels(built, dataset)
        return made is None or epochs * made * CAUTION > LONG_SECONDS

    def cost(self, config, run, builder):
        from ib_runner.stages.timing import time_training

        done = run.epochs[-1] if run is not None and run.epochs else 0
        left = config.trainer.epochs - done
        if left <= 0:
            return Cost(f"{counted(done, 'epoch')} done, nothing is left to do")
        _, network = builder().tried
        times = time_training(builder())
        seconds = left * times.epoch + SECONDS_A_RUN
        tensors = network.state_dict().values()
        size = sum(one.numel() * one.element_size() for one in tensors)
        size *= left // config.trainer.checkpoint_every + 1
        size += BYTES_A_RUN if run is None else 0.0
        behind = f", {done} of {config.trainer.epochs} are done" if done else ""
        return Cost(
            f"{counted(left, 'epoch')}{behind}; about {duration_text(seconds)}, {times.how} "
            f"({duration_text(times.epoch)} an epoch), {size_text(size)} on disk",
            seconds,
            size,
            f"{counted(left, 'epoch')} {times.how} ({duration_text(times.epoch)} each){behind}"
            f"{'' if done else _SHORTER}",
        )
