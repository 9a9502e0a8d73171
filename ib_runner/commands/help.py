"""The help page: ``conf/hydra/help/stages.yaml``, with a line for each stage."""

from importlib import resources

from omegaconf import OmegaConf

from ib_runner.stages.stage import stages


def register_stages() -> None:
    """Let ``${stages:}`` in the page stand for a line for each stage."""
    OmegaConf.register_new_resolver("stages", _lines, replace=True)


def _lines() -> str:
    width = max(map(len, stages())) + 2
    return "\n".join(f"  {name:<{width}}{one.summary}" for name, one in stages().items())


def help_page() -> str:
    """What ``ib-run --help`` prints."""
    register_stages()
    page = resources.files("ib_runner.conf").joinpath("hydra/help/stages.yaml")
    return OmegaConf.create(page.read_text(encoding="utf-8")).header.rstrip()
