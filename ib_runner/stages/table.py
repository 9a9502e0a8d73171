"""``ib-run table``: a table of a run or a sweep, for a paper."""

from ib_runner.rules import Rule, choice, each, either, is_whole, optional, text, whole
from ib_runner.stages.cost import Cost
from ib_runner.stages.stage import Stage

FORMATS = ("latex", "csv", "markdown")
NAME = text(r"\w+", "a name")


def _one_or_more(rule: Rule, needs: str) -> Rule:
    several = each(rule, needs)
    return Rule(lambda value: rule.accepts(value) or several.accepts(value), needs, rule.choices)


class Table(Stage):
    name = "table"
    summary = "print a table for a paper: layer=5 epoch=last by=noise.beta format=latex"
    place = 48
    own_keys = True
    says_path = False  # its output is the table
    lists = ("layer", "epoch", "by", "format")
    rules = {  # noqa: RUF012 - a constant
        "table": NAME,
        "value": optional(NAME, "the table's own"),
        "layer": optional(_one_or_more(whole(0), "layers, whole numbers ≥ 0"), "all"),
        "epoch": either("last", _one_or_more(whole(0), "epochs, whole numbers ≥ 0")),
        "method": NAME,
        "target": choice("x", "y"),
        "split": choice("train", "test"),
        "by": optional(_one_or_more(text(r"[\w./@]+", "a key"), "swept keys"), "all but the seed"),
        "format": _one_or_more(choice(*FORMATS), f"{', '.join(FORMATS)}, or a list of them"),
        "unit": choice("nats", "bits"),
        "digits": Rule(lambda value: is_whole(value) and 1 <= value <= 17, "1 to 17"),
    }

    def validate(self, config, new):
        from ib_runner.config.declared import check_value

        for key, rule in self.rules.items():
            value = config[key]
            check_value(
                key,
                list(value) if hasattr(value, "__iter__") and type(value) is not str else value,
                rule,
            )

    def work(self, config, run):
        from ib_runner.stages.table_print import print_table

        print_table(config, run.path)

    def work_on_all(self, configs):
        """Nothing: a sweep's table is about all runs together, see ``over_runs``."""
        return {}

    def over_runs(self, sweep):
        from ib_runner.stages.table_print import print_table

        print_table(sweep.configs[0], sweep.path)

    def cost(self, config, run, builder):
        return Cost(f"table {config.table} as {config.format}; seconds")
