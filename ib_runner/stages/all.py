"""``ib-run all``: train, measure, plot and check in one go."""

import hashlib
import json
from contextlib import contextmanager, nullcontext

from ib_runner.stages.check import Check
from ib_runner.stages.measure import Measure
from ib_runner.stages.plot import Plot
from ib_runner.stages.stage import Stage
from ib_runner.stages.train import Train


class All(Stage):
    name = "all"
    summary = "train, measure, plot and check in one go"
    place = 50
    makes_runs = True
    steps = (Train(), Measure(), Plot(), Check())
    # noise.beta may differ in `measure`, but training at another noise level makes another network
    may_change = tuple(key for step in steps for key in step.may_change if key != "noise.beta")

    #: has no further kernels compiled while others go on, if any are
    _trained = None

    def validate(self, config, new):
        for step in self.steps:
            step.validate(config, new)

    @contextmanager
    def preparing(self, config, allow_targets):
        """The kernels for measuring, from now on; none is begun once the network is trained."""
        from ib_runner.stages.measure_processes import prepared_meanwhile

        with prepared_meanwhile(config, allow_targets) as self._trained:
            try:
                yield
            finally:
                self._trained = None

    def work(self, config, run):
        self._go_through([step.work for step in self.steps], config, run)

    def work_in_sweep(self, config, run):
        self._go_through([step.work_in_sweep for step in self.steps], config, run)

    def _go_through(self, works, config, run):
        train, *others = works
        # a job of a sweep may be in a process of its own, where nothing has begun
        with nullcontext() if self._trained else self.preparing(config, run.allow_targets):
            train(config, run)
            self._trained()
            for work in others:
                work(config, run)
        with run.held():
            run.update(through=_settings_hash(config))

    def is_done(self, config, run):
        trained = self.steps[0].is_done(config, run)
        return trained and run.info.get("through") == _settings_hash(config)


def _settings_hash(config):
    """A hash of the settings of all steps; a run that has been through them keeps it."""
    from omegaconf import OmegaConf

    from ib_runner.stages.measured import measured_with

    made = [config.trainer.epochs, measured_with(config), OmegaConf.to_container(config.plot)]
    return hashlib.sha256(json.dumps(made, sort_keys=True).encode()).hexdigest()[:16]
