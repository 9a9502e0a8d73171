"""``ib-run list``: the runs and sweeps under the output root."""

import shutil
import sys

from ib_runner.stages.stage import Stage


class List(Stage):
    name = "list"
    summary = "show the runs and sweeps, filtered by experiment=NAME and state=STATE"
    place = 60
    on_runs = False
    own_keys = True

    def answer(self, config):
        from ib_runner.stages.listing import list_runs

        # other programs get one row each
        columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        return list_runs(config.output_root, config.experiment, config.state, columns)
