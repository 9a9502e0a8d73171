"""Each object that a builder makes is its own, also where the entry was read before."""

from omegaconf import OmegaConf

from ib_runner.config.builder import Builder
from ib_runner.config.compose import compose, open_hydra, settings


def builder(*words):
    return Builder(settings(compose(open_hydra(), "all", ["+exp=neuron_tanh", *words])))


def test_networks_of_one_builder_share_nothing():
    one = builder("trainer.epochs=1")
    dataset = one.dataset()
    first, second = one.network(dataset), one.network(dataset)
    fresh = builder("trainer.epochs=1").network(dataset)
    modules = {id(module) for module in first.modules()}
    assert modules.isdisjoint(id(module) for module in second.modules())
    for a, b, c in zip(first.parameters(), second.parameters(), fresh.parameters(), strict=True):
        assert a.data_ptr() != b.data_ptr()
        assert a.tolist() == b.tolist() == c.tolist()


def test_arguments_that_were_changed_come_as_they_were():
    config = OmegaConf.create({"thing": {"_target_": "builtins.dict", "values": [1, 2]}})
    one = Builder(config, allow_targets=("builtins",))
    changed = one._call("thing")
    changed["values"].append(3)
    assert one._call("thing") == one._call("thing") == {"values": [1, 2]}


def test_objects_inside_an_entry_are_made_anew():
    config = OmegaConf.create(
        {"thing": {"_target_": "builtins.dict", "values": {"_target_": "builtins.list"}}}
    )
    one = Builder(config, allow_targets=("builtins",))
    first, second = one._call("thing"), one._call("thing")
    assert first["values"] is not second["values"]
