"""All checks of a configuration, made before any work is done and any folder exists."""

import math
import os
from collections.abc import Collection, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from ib_runner.config.declared import Key, check_value, keys_of
from ib_runner.config.keys import PLAIN
from ib_runner.config.moved import as_named_now
from ib_runner.config.outline import outline
from ib_runner.config.trust import NAMED, ONE
from ib_runner.errors import UsageError
from ib_runner.rules import POSITIVE
from ib_runner.wording import near_miss, show

OPTIONAL = ("regularizer", "logging")
#: by group: arguments that the builder passes to a target beside the entry's own keys
HANDED = {"dataset": ("seed",), "network": ("n_inputs", "n_outputs", "noise")}
#: the key whose list says which entries of a group are used
USED = {"measurement": "measure.measurements", "figure": "plot.figures", "findings": "findings"}
TOP_LEVEL = {key.partition(".")[0] for key in PLAIN} | set(ONE)


def validate(config: DictConfig) -> None:
    """Check every value, and the combinations that matter to all stages.

    ``config`` is composed and without Hydra's node. Raises ``UsageError`` naming the key, its value
    and what is accepted. Keys of a user's own ``_target_`` are left to that target.
    """
    tree = OmegaConf.to_container(config, resolve=True)
    _check_known(tree)
    for key, rule in PLAIN.items():
        check_value(key, _get(tree, key), rule)
    for name in ONE:
        if tree[name] is not None or name not in OPTIONAL:
            _check_entry(name, tree[name], HANDED.get(name, ()))
    activation = tree["network"].get("activation")
    for group in NAMED:
        for name, node in tree[group].items():
            # an activation taken over from the network was checked with the network's keys
            known = {"activation"} if node.get("activation", ...) == activation else ()
            whole = name in _get(tree, USED[group])
            _check_entry(f"{group}.{name}", node, known=known, whole=whole)
    _check_names(tree, "measure.measurements", "measurement")
    _check_names(tree, "plot.figures", "figure")
    for name in sorted((tree["plot"]["titles"] or {}).keys() - tree["figure"].keys()):
        hint = near_miss(name, tree["figure"])
        raise UsageError(f"plot.titles: there is no figure {name}.{hint}")
    _check_schedule(tree["trainer"])
    _check_epochs(tree)
    _check_finite(tree, "")


def _check_finite(node: Any, key: str) -> None:
    """Raise ``UsageError`` for NaN or infinity, in ``node`` or below.

    Runs are compared by their settings, and NaN does not equal itself.
    """
    if isinstance(node, Mapping):
        for name, value in node.items():
            _check_finite(value, f"{key}.{name}" if key else str(name))
    elif isinstance(node, list):
        for place, value in enumerate(node):
            _check_finite(value, f"{key}[{place}]")
    elif isinstance(node, float) and not math.isfinite(node):
        raise UsageError(
            f"{key}={node}: a finite number is needed (the word is written '\"{node}\"')."
        )


def check_new_run(config: DictConfig) -> None:
    """Raise ``UsageError`` where ``output_root`` can take no new run."""
    _check_output_root(config.output_root)


def check_measurements(config: DictConfig) -> None:
    """Raise ``UsageError`` where a measurement's epochs or layers do not exist in this run."""
    _check_measured(OmegaConf.to_container(config, resolve=True))


def check_measuring(config: DictConfig) -> None:
    """Raise ``UsageError`` where bin widths or the Dask scheduler are missing."""
    tree = OmegaConf.to_container(config, resolve=True)
    _check_bin_widths(tree)
    _check_scheduler(tree["measure"]["scheduler"])


def _get(tree: Mapping[str, Any], key: str) -> Any:
    for word in key.split("."):
        tree = tree[word]
    return tree


def _check_known(tree: Mapping[str, Any]) -> None:
    """Raise ``UsageError`` for a missing node, or an unknown or missing key of a fixed node."""
    for key in sorted(tree.keys() - TOP_LEVEL):
        raise UsageError(f"{key}={show(tree[key])}: no such key.{near_miss(key, TOP_LEVEL)}")
    for key in sorted(TOP_LEVEL - tree.keys()):
        raise UsageError(f"{key}: missing; the configuration needs it.")
    for node in {key.partition(".")[0] for key in PLAIN if "." in key}:
        known = [key for key in PLAIN if key.startswith(f"{node}.")]
        if not isinstance(tree[node], dict):
            raise UsageError(f"{node}={show(tree[node])}: needs the keys {', '.join(known)}.")
        for key in (f"{node}.{word}" for word in tree[node]):
            if key not in PLAIN:
                raise UsageError(f"{key}: no such key.{near_miss(key, known)}")
        for key in known:
            if key.partition(".")[2] not in tree[node]:
                raise UsageError(f"{key}: missing; the configuration needs it.")


def _check_entry(
    name: str,
    node: Any,
    handed: Collection[str] = (),
    known: Collection[str] = (),
    whole: bool = True,
) -> None:
    """Check the keys of entry ``name`` by the rules of its target, if that is in this package.

    Keys in ``known`` have been checked already; keys in ``handed`` come from the builder and must
    not be given. Unless ``whole``, the entry is not used, and keys may be missing or unknown.
    """
    _check_target(name, node)
    keys, complete = _declared(node)
    keys = {key: one for key, one in keys.items() if key not in handed}
    missing = [
        f"{name}.{key} (it needs {rule.needs if rule else 'a value'})"
        for key, (rule, required) in keys.items()
        if key not in node and required and whole
    ]
    if missing:
        raise UsageError(f"missing: {', '.join(missing)}.")
    for key, (rule, _) in keys.items():
        if key in node and rule and key not in known:
            check_value(f"{name}.{key}", node[key], rule)
            if isinstance(node[key], dict):
                _check_entry(f"{name}.{key}", node[key], whole=False)
    unknown = [key for key in node if key not in keys and key not in ("_target_", "_partial_")]
    if complete and whole and unknown:
        key, entry = f"{name}.{unknown[0]}", node["_target_"].rpartition(".")[2]
        raise UsageError(
            f"{key}={show(node[unknown[0]])}: {entry} has no such key."
            f"{near_miss(key, [f'{name}.{one}' for one in keys])}\n"
            f"If an experiment sets it for another entry, leave it out with ~{key}."
        )


def _declared(node: Mapping[str, Any]) -> tuple[dict[str, Key], bool]:
    """The keys that an entry's target declares, and whether it takes no others.

    For a target outside this package: no keys, and False.
    """
    target = as_named_now(node)["_target_"]
    if target.startswith("torch.optim."):  # torch's optimizers check all other keys themselves
        return {"lr": Key(POSITIVE, required=True)}, False
    found = outline(target)
    return keys_of(found) if found else ({}, False)


def _check_target(name: str, node: Any) -> None:
    target = node.get("_target_") if isinstance(node, dict) else None
    if not isinstance(target, str) or "." not in target:
        raise UsageError(
            f"{name}={show(node if not isinstance(node, dict) else target)}: needs an entry with a "
            "_target_, package.module.name."
        )


def _check_names(tree: Mapping[str, Any], key: str, group: str) -> None:
    names = _get(tree, key)
    for name in names:
        if name not in tree[group]:
            raise UsageError(
                f"{key}={show(names)}: there is no {group} {show(name)}."
                f"{near_miss(str(name), tree[group])}\n"
                f"There are {', '.join(tree[group]) or 'none'}."
            )
    if len(set(names)) < len(names):
        raise UsageError(f"{key}={show(names)}: needs every name once.")


def _check_schedule(trainer: Mapping[str, Any]) -> None:
    if trainer["schedule"] == "geometric" and trainer["horizon"] is None:
        raise UsageError("trainer.horizon=null: the geometric schedule needs a number of epochs.")
    if trainer["schedule"] == "constant" and (trainer["horizon"] or trainer["lr_ratio"] != 1):
        key = "horizon" if trainer["horizon"] else "lr_ratio"
        raise UsageError(
            f"trainer.{key}={show(trainer[key])}: only for trainer.schedule=geometric; "
            "the schedule is constant."
        )


def _check_epochs(tree: Mapping[str, Any]) -> None:
    """Raise ``UsageError`` for an epoch to measure or plot that gets no checkpoint."""
    last, every = tree["trainer"]["epochs"], tree["trainer"]["checkpoint_every"]
    if every > last:
        raise UsageError(
            f"trainer.checkpoint_every={every}: needs at most trainer.epochs, which is {last}."
        )
    for key in ("measure.epochs", "plot.epochs"):
        epochs = _get(tree, key)
        for epoch in epochs if isinstance(epochs, list) else []:
            if epoch > last or (epoch % every and epoch != last):
                step = f" in steps of {every}" if every > 1 else ""
                raise UsageError(
                    f"{key}={show(epochs)}: epoch {epoch} has no checkpoint; "
                    f"there are 0 to {last}{step} (trainer.epochs, trainer.checkpoint_every)."
                )


def _check_measured(tree: Mapping[str, Any]) -> None:
    """Raise ``UsageError`` for a measurement without any of its epochs, or with a missing layer."""
    last, every = tree["trainer"]["epochs"], tree["trainer"]["checkpoint_every"]
    channels, layers = _depth(tree["network"])
    least = {"layers": 1, "layers_from_end": -channels - 1}
    for name in tree["measure"]["measurements"]:
        node = tree["measurement"][name]
        for word, (rule, _) in _declared(node)[0].items():
            key, values = f"measurement.{name}.{word}", node.get(word)
            if not rule or not rule.lists or not values:
                continue
            if rule.lists == "epochs":
                # the list may be an experiment's, for a longer training: one epoch that has a
                # checkpoint will do
                if all(one > last or (one % every and one != last) for one in values):
                    raise UsageError(
                        f"{key}={show(values)}: none of them has a checkpoint; there are 0 to "
                        f"{last}\n(trainer.epochs, trainer.checkpoint_every)."
                    )
            else:
                for layer in values:
                    if layers and not least[rule.lists] <= layer <= layers:
                        raise UsageError(
                            f"{key}={show(values)}: there is no layer {layer}; the network has "
                            f"{least[rule.lists]} to {layers}."
                        )


def _depth(network: Mapping[str, Any]) -> tuple[int, int]:
    """The numbers of noise channels and of layers of ``network``; 0 for a user's own class."""
    depth = getattr(outline(network["_target_"]), "depth", (0, 0))
    return (len(network[depth]),) * 2 if isinstance(depth, str) else depth


def _check_bin_widths(tree: Mapping[str, Any]) -> None:
    if tree["measure"]["bin_widths"] is not None or tree["noise"].get("beta"):
        return
    for name in tree["measure"]["measurements"]:
        if tree["measurement"][name].get("bin_widths", ...) is None:
            raise UsageError(
                "measure.bin_widths=null: stands for 10 times noise.beta, and there is no beta "
                "here.\nGive a list of widths, such as measure.bin_widths=[0.001,0.01]."
            )


def _check_scheduler(scheduler: str | None) -> None:
    if scheduler is None:
        return
    if find_spec("distributed") is None:
        raise UsageError(
            f"measure.scheduler={scheduler}: needs the package distributed; "
            "pip install 'ib-run[dask]'."
        )
    if scheduler.endswith(".json") and not Path(scheduler).is_file():
        raise UsageError(
            f"measure.scheduler={scheduler}: no such file; "
            "`dask scheduler --scheduler-file FILE` writes it."
        )


def check_device(config: DictConfig) -> None:
    """Raise ``UsageError`` where the device that is asked for is not in this machine.

    For stages that compute: figures of a run trained elsewhere need no such device.
    """
    if config.device == "cuda":
        import torch

        if not torch.cuda.is_available():
            raise UsageError("device=cuda: this machine has no such device; give auto or cpu.")


def _check_output_root(root: str) -> None:
    """Raise ``UsageError`` where no folder can be made under ``root``."""
    folder = Path(root)
    try:
        while not folder.exists():
            folder = folder.parent
    except OSError as error:  # a folder on the way is closed to us, or the name is too long
        raise UsageError(f"output_root={root}: {error.strerror or error}.") from error
    if not folder.is_dir():
        raise UsageError(f"output_root={root}: {folder} is no folder.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError(f"output_root={root}: no permission to write to {folder}.")
