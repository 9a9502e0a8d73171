"""The keys that belong to no entry: of the top level, ``trainer``, ``measure`` and ``plot``."""

from ib_runner.rules import (
    BIN_WIDTHS,
    BUDGET,
    DRAWS,
    EPOCHS,
    LAYERS,
    POSITIVE,
    SOME_METHODS,
    TWO_DRAWS,
    YES_OR_NO,
    Rule,
    choice,
    each,
    either,
    is_whole,
    number,
    optional,
    text,
    whole,
)

NAMES = each(text(r".+", "a name"), "a list of names", least=0, repeated=True)
ENTRIES = Rule(
    lambda value: isinstance(value, dict) and all(isinstance(v, dict) for v in value.values()),
    "named entries, each with its keys",
)

#: the rule of each key
PLAIN: dict[str, Rule] = {
    "seed": whole(0, 2**63 - 1),
    "device": choice("auto", "cpu", "cuda"),
    "output_root": text(r".*\S.*", "a folder"),
    "experiment": text(r"[A-Za-z0-9][A-Za-z0-9._-]*", "a name of letters, digits and ._-"),
    "allow_targets": each(text(r"[A-Za-z_]\w*", "a package"), "a list of different packages", 0),
    "measurement": ENTRIES,
    "figure": ENTRIES,
    "findings": ENTRIES,
    "trainer.epochs": whole(1),
    "trainer.batch_size": optional(whole(1), "the whole training set"),
    "trainer.loss": choice("cross_entropy", "mse"),
    "trainer.schedule": choice("constant", "geometric"),
    "trainer.lr_ratio": POSITIVE,
    "trainer.horizon": optional(whole(2), "none"),
    "trainer.checkpoint_every": whole(1),
    "trainer.shard_epochs": whole(1),
    "trainer.together": whole(1),
    "measure.epochs": optional(either("all", EPOCHS), "84 log-spaced epochs"),
    "measure.further_epochs": each(whole(0), "a list of different epochs ≥ 0", least=0),
    "measure.inputs": choice("all", "train", "test"),
    "measure.measurements": NAMES,
    "measure.methods": SOME_METHODS,
    "measure.n_x": TWO_DRAWS,
    "measure.n_o": DRAWS,
    "measure.n_mc": TWO_DRAWS,
    "measure.target_width": POSITIVE,
    "measure.budget": BUDGET,
    "measure.bin_widths": BIN_WIDTHS,
    "measure.n_jobs": Rule(
        lambda value: is_whole(value) and (value == -1 or value >= 1),
        "a whole number ≥ 1, or -1 for every processor",
    ),
    "measure.scheduler": optional(
        text(
            r"(tcp|tls|ws|wss|ucx)://\S+:\d+|.*\.json",
            "tcp://host:port or a scheduler file, *.json",
        ),
        "processes of this machine",
    ),
    "plot.figures": NAMES,
    "plot.each_run": YES_OR_NO,
    "plot.epochs": optional(EPOCHS, "what the figures choose"),
    "plot.epoch_range": optional(
        Rule(
            lambda value: EPOCHS.accepts(value) and len(value) == 2 and value[0] < value[1],
            "two epochs, the first below the last",
        ),
        "all",
    ),
    "plot.layers": optional(LAYERS, "all"),
    "plot.formats": each(choice("png", "pdf", "svg"), "a list of different ones of png, pdf, svg"),
    "plot.unit": choice("nats", "bits"),
    "plot.size": optional(number(lambda value: 1 <= value <= 40, "inches, 1 to 40"), "print size"),
    "plot.font": optional(number(lambda value: 3 <= value <= 40, "points, 3 to 40"), "8"),
    "plot.titles": optional(
        Rule(
            lambda value: isinstance(value, dict) and all(type(v) is str for v in value.values()),
            "texts by the names of figures, {losses: A title}",
        ),
        "none",
    ),
    "plot.style": optional(text(r".*\S.*", "a style's name or file"), "ours"),
}
