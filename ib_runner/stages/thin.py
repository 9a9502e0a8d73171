"""``ib-run thin``: remove checkpoints that are no longer needed."""

from ib_runner.errors import UsageError
from ib_runner.stages.cost import Cost
from ib_runner.stages.stage import Stage
from ib_runner.wording import show, size_text


class Thin(Stage):
    name = "thin"
    summary = "remove checkpoints of run=PATH but those of keep=[0,100], every:10 or measured"
    place = 70
    needs_run = True
    own_keys = True

    def validate(self, config, new):
        if not isinstance(config.force, bool):
            raise UsageError(f"force={show(config.force)}: needs true or false.")

    def check(self, config, run):
        from ib_runner.stages.thin_run import epochs_to_keep

        epochs_to_keep(run, config.keep, config.force)

    def work(self, config, run):
        from ib_runner.stages.thin_run import epochs_to_keep, thin

        thin(run, epochs_to_keep(run, config.keep, config.force))

    def cost(self, config, run, builder):
        from ib_runner.stages.thin_run import epochs_to_keep

        epochs = epochs_to_keep(run, config.keep, config.force)
        now, left = run.checkpoints.sizes(epochs)
        return Cost(
            f"{len(epochs)} of {len(run.epochs)} checkpoints stay, {size_text(left)}; about "
            f"{size_text(now - left)} would be freed"
        )
