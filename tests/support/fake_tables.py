"""Small made-up tables of a run, shaped like the paper's Fig. 5(a) and 6(a).

Layer ℓ of the made-up network spreads its samples along a line, then along a curve, and saturates
at last; ``compresses=False`` leaves the saturation out. Everything is a function of the arguments.
"""

import numpy as np
import pandas as pd

from ib_runner.selections.context import Context, Runs

BETA = 0.005
WIDTHS = (10, 7, 5, 4, 3)
N_SAMPLES = 256
H_X = float(np.log(4096))
PEAK, DIP, SECOND_PEAK = 28, 45, 80


def fake_layers(
    beta=BETA, h_x=H_X, bounds=(-1.0, 1.0), p=0.0, kind=None, n_inputs=4096
) -> pd.DataFrame:
    """The table ``layers``; ``beta`` and ``bounds`` of all layers, or a list of each layer's."""
    betas = beta if isinstance(beta, list) else [beta] * len(WIDTHS)
    ends = bounds if isinstance(bounds, list) else [bounds] * len(WIDTHS)
    rows = [{"layer": 0, "dim": 12, "h_x": h_x, "h_y": float(np.log(2)), "n_inputs": n_inputs}]
    for layer, (dim, one, end) in enumerate(zip(WIDTHS, betas, ends, strict=True), start=1):
        called = kind or ("gaussian" if one else "dropout" if p else "none")
        low, high = end or (None, None)
        noise = {"noise": called, "beta": one, "p": p, "low": low, "high": high}
        rows.append({"layer": layer, "dim": dim, **noise})
    frame = pd.DataFrame(rows).astype({"n_inputs": "Int64"})
    return frame.assign(inputs="all", **{c: frame[c].astype(float) for c in ("low", "high")})


class FakeTables(dict):
    """Made-up tables by name, called like a run's reader of tables.

    Raises ``KeyError`` for a missing table.

    ``layers`` are those of the network with noise BETA, unless they are given.
    """

    def __call__(self, name: str) -> pd.DataFrame:
        if name == "layers" and name not in self:
            return fake_layers()
        return self[name].copy()

    def without(self, *names: str) -> "FakeTables":
        return FakeTables({name: table for name, table in self.items() if name not in names})


def fake_tables(last: int = 10_000, compresses: bool = True) -> FakeTables:
    epochs = fake_epochs(last)
    values = {epoch: _values(epoch, compresses) for epoch in epochs}
    return FakeTables(
        training=_training(last, compresses),
        mutual_information=_mutual_information(epochs, compresses),
        binned_entropy=_binned_entropy(epochs, compresses),
        activation_histogram=_activation_histogram(values),
        distance_histogram=_distance_histogram(values),
        representation=_representation(values),
        density=_density(epochs),
        parameter=_parameter(epochs),
    )


def fake_experiments(
    experiments: dict[str, bool], n_seeds: int = 3, last: int = 10_000
) -> tuple[FakeTables, Runs]:
    """Curves of a sweep over ``exp`` and ``seed``: for each experiment, whether it compresses.

    Seed k has all of I(X;T_ℓ) and H(Bin(T_ℓ)) lower by 0.1·k nats, and its losses higher by 0.01·k.
    """
    shifts = {"mutual_information": ("mi", "lower", "upper"), "binned_entropy": ("entropy",)}
    frames: dict[str, list[pd.DataFrame]] = {name: [] for name in ("training", "layers", *shifts)}
    contexts = {}
    epochs = fake_epochs(last)
    for name, compresses in experiments.items():
        tables = {
            "training": _training(last, compresses),
            "mutual_information": _mutual_information(epochs, compresses),
            "binned_entropy": _binned_entropy(epochs, compresses),
        }
        for seed in range(n_seeds):
            run = f"exp-{name}_seed-{seed}"
            contexts[run] = Context(experiment=name)
            frames["layers"].append(fake_layers().assign(run=run, exp=name, seed=seed))
            for table, rows in tables.items():
                shifted = {c: rows[c] - 0.1 * seed for c in shifts.get(table, ())}
                if table == "training":
                    shifted = {"loss": rows["loss"] + 0.01 * seed}
                frames[table].append(rows.assign(run=run, exp=name, seed=seed, **shifted))
    together = {table: pd.concat(rows, ignore_index=True) for table, rows in frames.items()}
    return FakeTables(together), Runs(("exp", "seed"), contexts)


def fake_epochs(last: int) -> list[int]:
    spaced = np.round(np.geomspace(1, last, 40)).astype(int).tolist()
    return sorted({0, *spaced} | {e for e in (PEAK, DIP, SECOND_PEAK) if e <= last})


def labels() -> np.ndarray:
    return np.arange(N_SAMPLES) % 2


def true_information(epoch: int, layer: int, compresses: bool) -> float:
    """Rises to a peak, dips, rises and falls in layers 4 and 5; constant at ln N below."""
    depth = {4: 0.25, 5: 1.0}.get(layer, 0.0)
    knots = [0, PEAK, DIP, SECOND_PEAK, 10_000]
    loss = [3.5, 2.5, 3.1, 2.7, 5.6 if compresses else 2.6]
    if not compresses:
        loss[2] = 2.6
    return H_X - depth * float(np.interp(np.log1p(epoch), np.log1p(knots), loss))


def _mutual_information(epochs: list[int], compresses: bool) -> pd.DataFrame:
    rows = []
    for epoch in epochs:
        for layer, dim in enumerate(WIDTHS, start=1):
            mi = true_information(epoch, layer, compresses)
            width = 0.0 if layer < 4 else 0.06
            common = {"epoch": epoch, "layer": layer, "dim": dim, "target": "x", "beta": BETA}
            sizes = {"h_t": 0.0, "h_t_given_x": 0.0, "n_x": 1000, "n_o": 64, "n_mc": 2}
            end = {**sizes, "status": "ok", "seconds": 1.0}
            interval = {"lower": mi - width, "upper": min(mi + width, H_X)}
            coupled = {"method": "coupled", "mi": mi, "stderr": width / 4, **interval}
            rows.append({**common, **coupled, **end})
            if epoch in (0, PEAK, last_of(epochs)):
                none = {"lower": np.nan, "upper": np.nan}
                paper = {"method": "paper", "mi": mi + 0.1 * (layer > 3), "stderr": 0.02, **none}
                rows.append({**common, **paper, **end})
    return pd.DataFrame(rows)


def last_of(epochs: list[int]) -> int:
    return epochs[-1]


def _binned_entropy(epochs: list[int], compresses: bool) -> pd.DataFrame:
    rows = []
    for epoch in epochs:
        for layer, dim in enumerate(WIDTHS, start=1):
            whole = 0.9 * true_information(epoch, layer, compresses)
            for width, factor in ((10 * BETA, 1.0), (100 * BETA, 0.6)):
                for unit in (None, *range(dim)):
                    entropy = factor * (whole if unit is None else whole / dim)
                    rows.append([epoch, layer, unit, width, True, entropy])
    columns = ["epoch", "layer", "unit", "bin_width", "noise", "entropy"]
    return pd.DataFrame(rows, columns=columns).astype({"unit": "Int64"})


def _training(last: int, compresses: bool) -> pd.DataFrame:
    epoch = np.arange(last + 1)
    train = 0.69 / (1 + epoch / 60) + 0.01
    turned = np.log1p(np.maximum(epoch - 3200, 0) / 1000) if compresses else 0.0
    test = 0.6 / (1 + epoch / 80) + 0.09 + 0.05 * turned
    tables = [
        pd.DataFrame({"epoch": epoch, "split": split, "loss": loss, "accuracy": accuracy})
        for split, loss, accuracy in (
            ("train", train, 1 - 0.45 / (1 + epoch / 60)),
            ("test", test, 0.973 - 0.45 / (1 + epoch / 60)),
        )
    ]
    frame = pd.concat(tables, ignore_index=True)
    return frame.assign(errors=((1 - frame["accuracy"]) * 819).round().astype(int))


def _values(epoch: int, compresses: bool) -> list[np.ndarray]:
    """T of layers 0 (the input) to 5, [N_SAMPLES, d] each."""
    rng = np.random.default_rng(epoch)
    position = np.linspace(-1, 1, N_SAMPLES // 2).repeat(2)
    side = 2.0 * labels() - 1
    layers = [(rng.random((N_SAMPLES, 12)) < 0.5).astype(float)]
    progress = np.log1p(epoch) / np.log1p(10_000)
    for layer, dim in enumerate(WIDTHS, start=1):
        unit = np.arange(dim)
        gain = 0.3 + progress + (4.0 * progress**2 if compresses and layer >= 3 else 0.0)
        line = position[:, None] * np.cos(unit + layer) * (1 - 0.7 * progress)
        curve = progress * (position**2 - 0.5)[:, None] * np.sin(unit) / 2
        moved = progress * side[:, None] * (1 - 2 * (unit % 2))
        t = np.tanh(gain * (line + curve + moved))
        layers.append(t + BETA * rng.standard_normal(t.shape))
    return layers


def _activation_histogram(values: dict[int, list[np.ndarray]]) -> pd.DataFrame:
    edges = np.linspace(-1, 1, 51)
    return _histograms(
        {"epoch": epoch, "layer": layer, "noise": True}
        | {"counts": np.histogram(t.clip(-1, 1), edges)[0], "edges": edges}
        for epoch, layers in values.items()
        for layer, t in enumerate(layers[1:], start=1)
    )


def _distance_histogram(values: dict[int, list[np.ndarray]]) -> pd.DataFrame:
    upper = np.triu_indices(N_SAMPLES, 1)
    same = (labels()[:, None] == labels())[upper]
    rows = []
    for epoch, layers in values.items():
        for layer, t in enumerate(layers):
            squares = (t**2).sum(1)
            squared = squares[:, None] + squares - 2 * t @ t.T
            distances = np.sqrt(squared[upper].clip(0))
            edges = np.linspace(0, distances.max(), 51)
            for pairs, chosen in (("within", same), ("between", ~same)):
                head = {"epoch": epoch, "layer": layer, "pairs": pairs, "noise": layer > 0}
                counts = np.histogram(distances[chosen], edges)[0]
                rows.append(head | {"counts": counts, "edges": edges})
    return _histograms(rows)


def _histograms(rows) -> pd.DataFrame:
    frames = []
    for row in rows:
        counts, edges = row.pop("counts"), row.pop("edges")
        density = counts / (counts.sum() * np.diff(edges))
        bins = {"left": edges[:-1], "right": edges[1:], "count": counts, "density": density}
        frames.append(pd.DataFrame({**row, **bins}))
    return pd.concat(frames, ignore_index=True)


def _density(epochs: list[int]) -> pd.DataFrame:
    """Two layers of one unit: two Gaussians that part, and two that merge, on a grid."""
    frames = []
    for epoch in epochs:
        progress = np.log1p(epoch) / np.log1p(10_000)
        for layer, distance in ((1, progress), (2, 1 - progress)):
            t = np.arange(-300, 301) * BETA / 2
            p = sum(np.exp(-0.5 * ((t - c) / BETA) ** 2) for c in (-distance / 2, distance / 2))
            p /= 2 * np.sqrt(2 * np.pi) * BETA
            kept = p * BETA > 1e-9
            rows = {"epoch": epoch, "layer": layer, "t": t[kept], "density": p[kept]}
            frames.append(pd.DataFrame(rows))
    return pd.concat(frames, ignore_index=True)


def _parameter(epochs: list[int]) -> pd.DataFrame:
    rows = [
        {"epoch": epoch, "name": name, "value": end * np.log1p(epoch)}
        for epoch in epochs
        for name, end in (("w_1", -0.1), ("b_1", 0.2), ("w_2", 0.3), ("b_2", -0.05))
    ]
    return pd.DataFrame(rows)


def _representation(values: dict[int, list[np.ndarray]]) -> pd.DataFrame:
    """Layer 5 at every epoch, and two inputs a sample at epoch 0."""
    clouds = [(epoch, 5, layers[5]) for epoch, layers in values.items()]
    clouds.append((0, 0, np.random.default_rng(0).standard_normal((N_SAMPLES, 2))))
    frames = [
        pd.DataFrame(
            {
                "epoch": epoch,
                "layer": layer,
                "sample": np.arange(N_SAMPLES),
                "label": labels(),
                "noise": layer > 0,
                "value": list(cloud.astype(np.float32)),
            }
        )
        for epoch, layer, cloud in clouds
    ]
    return pd.concat(frames, ignore_index=True)
