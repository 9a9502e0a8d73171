"""Figures over the runs of a sweep, and over bin widths and both targets of a run."""

import matplotlib
import numpy as np
import pandas as pd
import pytest
from fake_tables import BETA, SECOND_PEAK, FakeTables, fake_experiments, fake_layers, fake_tables

from ib_runner.figures.bin_widths import BinWidths
from ib_runner.figures.information_plane import InformationPlane
from ib_runner.figures.noise_sweep import CompressionByNoise, InformationByNoise, apart
from ib_runner.figures.over_runs import group_name, over_seeds
from ib_runner.figures.seeds import DRAW, Seeds
from ib_runner.figures.style import PAGE
from ib_runner.rules import PANELS
from ib_runner.selections.context import Context, Runs

CONTEXT = Context(experiment="fake")
RUN = fake_tables(last=10_000)
SWEEP, RUNS = fake_experiments({"plain": True, "parseval": False})
BETAS = (0.001, 0.02)


def noise_sweep() -> tuple[FakeTables, Runs]:
    """The sweep's experiments as two noise levels of three seeds each."""
    frames, layers = [], []
    for number, run in enumerate(RUNS.contexts):
        beta, table = BETAS[number // 3], SWEEP["mutual_information"]
        rows = table[table["run"] == run].assign(beta=beta)
        frames.append(rows.assign(**{"noise.beta": beta}))
        layers.append(fake_layers(beta).assign(run=run))
    tables = FakeTables(mutual_information=pd.concat(frames, ignore_index=True))
    tables["layers"] = pd.concat(layers)
    return tables, Runs(("noise.beta", "seed"), RUNS.contexts)


def both_targets(method="coupled", beta=BETA) -> FakeTables:
    """I(Y;T) is an eighth of I(X;T)."""
    table = RUN["mutual_information"].query("method == 'coupled'").assign(method=method, beta=beta)
    values = {name: table[name] / 8 for name in ("mi", "lower", "upper")}
    return FakeTables(mutual_information=pd.concat([table, table.assign(target="y", **values)]))


@pytest.fixture(scope="module")
def drawn():
    tables, runs = noise_sweep()
    return {
        "seeds": Seeds().over_runs(SWEEP, RUNS),
        "information": InformationByNoise().over_runs(tables, runs),
        "compression": CompressionByNoise().over_runs(tables, runs),
        "widths": BinWidths()(RUN, CONTEXT),
        "plane": InformationPlane()(both_targets(), CONTEXT),
    }


def lines(axes):
    return {line.get_label(): line for line in axes.get_lines() if line.get_label()[0] != "_"}


@pytest.mark.parametrize("name", ["seeds", "information", "compression", "widths", "plane"])
@pytest.mark.slow
def test_a_page_wide_and_legible(name, drawn):
    figure = drawn[name]
    assert figure.get_figwidth() <= PAGE
    texts = [text for text in figure.findobj(matplotlib.text.Text) if text.get_text()]
    assert min(text.get_fontsize() for text in texts) >= 7


def test_over_seeds_are_median_and_quartiles_where_all_runs_have_values():
    rows = pd.DataFrame(
        {"run": list("abcab"), "epoch": [0, 0, 0, 1, 1], "mi": [1.0, 2.0, 5.0, 1.0, 1.0]}
    )
    band = over_seeds(rows, "mi")
    assert band.index.tolist() == [0]
    assert band.loc[0].tolist() == [1.5, 2.0, 3.5]


def test_seeds_have_a_column_for_each_experiment(drawn):
    top = [axes for axes in drawn["seeds"].axes if axes.get_title()]
    assert [axes.get_title() for axes in top] == ["plain: 3 seeds", "parseval: 3 seeds"]
    assert len(drawn["seeds"].axes) == 2 * 3
    table = SWEEP["mutual_information"]
    middle = table[(table["run"] == "exp-plain_seed-1") & (table["method"] == "coupled")]
    middle = middle[middle["layer"] == 5].sort_values("epoch")
    np.testing.assert_allclose(lines(top[0])["layer 5"].get_ydata(), middle["mi"])
    band = top[0].collections[4].get_paths()[0].vertices[:, 1]
    assert band.min() == pytest.approx(middle["mi"].min() - 0.05)


def test_seeds_of_one_experiment_have_its_name():
    runs = Runs(("seed",), {run: one for run, one in RUNS.contexts.items() if "plain" in run})
    figure = Seeds(["training"]).over_runs(SWEEP, runs)
    assert [axes.get_title() for axes in figure.axes] == ["plain: 3 seeds"]


def test_one_panel_of_seeds_needs_its_table_alone():
    losses = Seeds(["training"])
    assert losses.tables_needed == ("training",)
    figure = losses.over_runs(SWEEP.without("mutual_information", "binned_entropy"), RUNS)
    assert [axes.get_ylabel() for axes in figure.axes] == ["loss [nats]", ""]
    assert losses.keys_needed == ("seed",)


def test_information_by_noise_has_a_line_for_each_level(drawn):
    axes = drawn["information"].axes[4]
    assert axes.get_title() == "layer 5"
    assert list(lines(axes)) == ["0.001", "0.02"]
    tables, _ = noise_sweep()
    rows = tables["mutual_information"].query("beta == 0.02 and layer == 5 and seed == 1")
    rows = rows[rows["method"] == "coupled"].sort_values("epoch")
    np.testing.assert_allclose(lines(axes)["0.02"].get_ydata(), rows["mi"])


def test_exact_values_stand_in_where_there_are_any():
    tables, runs = noise_sweep()
    table = tables["mutual_information"]
    one = table[(table["layer"] == 5) & (table["method"] == "coupled")]
    exact = one.assign(layer=1, method="quadrature", lower=np.nan, upper=np.nan)
    (axes,) = (
        InformationByNoise().over_runs(FakeTables(tables, mutual_information=exact), runs).axes
    )
    assert list(lines(axes)) == ["0.001", "0.02"]


def test_compression_by_noise(drawn):
    (axes,) = drawn["compression"].axes
    (container,) = [one for one in axes.containers if one.get_label() == "layer 5"]
    x, y = container.lines[0].get_data()
    assert x == pytest.approx(BETAS, rel=0.1)
    assert y == pytest.approx([3.1, 0.1], abs=1e-9)


def test_every_swept_value_has_a_tick_and_numbers_do_not_overlap(drawn):
    (axes,) = drawn["compression"].axes
    assert axes.get_xticks().tolist() == list(BETAS)
    assert "bars: quartiles over seeds" in axes.get_xlabel()
    many = np.geomspace(0.001, 1, 40)
    numbered = apart(many, 5)
    assert [numbered[0], numbered[-1]] == pytest.approx([0.001, 1.0])
    assert np.diff(np.log(numbered)).min() >= np.log(1000) / 5
    assert len(numbered) == 5
    assert apart(np.array([0.1]), 5) == [0.1]


def test_the_legend_names_swept_values_and_bands(drawn):
    (legend,) = drawn["seeds"].legends
    names = {text.get_text() for text in legend.get_texts()}
    assert "line: median, band: quartiles over seeds" in names
    assert group_name(("noise.beta", "seed"), (0.05,)) == r"$\beta$ = 0.05"
    one_seed = [name for name in RUNS.contexts if name.endswith("seed-0")]
    alone = Runs(RUNS.keys, {name: RUNS.contexts[name] for name in one_seed})
    figure = Seeds(["training"]).over_runs(SWEEP, alone)
    assert [axes.get_title() for axes in figure.axes] == ["plain: 1 seed", "parseval: 1 seed"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["train", "test"]


def test_without_any_estimate_it_says_so():
    tables, runs = noise_sweep()
    empty = tables["mutual_information"].assign(mi=np.nan, lower=np.nan, upper=np.nan)
    with pytest.raises(ValueError, match="no run has estimates"):
        CompressionByNoise().over_runs(FakeTables(mutual_information=empty), runs)


def test_bin_widths_are_lines_of_each_layer(drawn):
    axes = drawn["widths"].axes
    assert [one.get_title() for one in axes] == [f"layer {k}" for k in range(1, 6)]
    assert list(lines(axes[0])) == ["0.05", "0.5"]
    table = RUN["binned_entropy"]
    rows = table[table["unit"].isna() & (table["bin_width"] == 0.5) & (table["layer"] == 4)]
    np.testing.assert_array_equal(lines(axes[3])["0.5"].get_ydata(), rows["entropy"])
    one = FakeTables(binned_entropy=table[table["bin_width"] == 0.5])
    assert not BinWidths().applies(one, CONTEXT)
    assert BinWidths().applies(RUN, CONTEXT)


def test_the_information_plane_joins_both_targets(drawn):
    panels = {one.get_title(): one for one in drawn["plane"].axes}
    assert next(iter(panels)).startswith("layers 1 to ")  # which stay where they are
    axes = panels["layer 5"]
    points = axes.collections[2].get_offsets()
    np.testing.assert_allclose(points[:, 1], points[:, 0] / 8)
    boxes = axes.collections[0].get_paths()
    assert len(boxes) == len(points)
    corners = boxes[0].vertices
    assert np.ptp(corners[:, 0]) == pytest.approx(0.12)
    assert np.ptp(corners[:, 1]) == pytest.approx(0.12 / 8)
    epochs = axes.collections[2].get_array()
    assert (epochs[0], epochs[-1]) == (0, 10_000)
    assert SECOND_PEAK in epochs


def test_the_plane_puts_intervals_without_an_estimate_where_they_are_known():
    tables = both_targets()
    table = tables["mutual_information"].query("layer == 5 and epoch <= 4").assign(mi=np.nan)
    h_x, h_y = (float(fake_layers()[name].iloc[0]) for name in ("h_x", "h_y"))
    ends = {
        0: (h_x - 0.02, h_x, 0.6, 0.62),  # narrow: the middle
        1: (5.0, h_x, 0.6, 0.62),  # a lower bound of I(X;T) alone
        2: (5.0, h_x, 0.3, h_y),  # a lower bound of either
        4: (5.0, h_x, 0.0, h_y),  # nothing is known of I(Y;T)
    }
    table = table[table["epoch"].isin(ends)].reset_index(drop=True)
    of_y = table["target"] == "y"
    for epoch, (low_x, high_x, low_y, high_y) in ends.items():
        rows = table["epoch"] == epoch
        table.loc[rows & ~of_y, ["lower", "upper"]] = low_x, high_x
        table.loc[rows & of_y, ["lower", "upper"]] = low_y, high_y
    figure = InformationPlane()(FakeTables(tables, mutual_information=table), CONTEXT)
    boxes, lines, path, *dots = figure.axes[0].collections
    points = [tuple(one.get_offsets()[0].tolist()) for one in dots]
    assert sorted(points) == [(5.0, 0.3), (5.0, 0.61), (pytest.approx(h_x - 0.01), 0.61)]
    assert len(boxes.get_paths()) == 1
    (interval,) = lines.get_segments()
    np.testing.assert_allclose(interval, [(5.0, 0.6), (5.0, 0.62)])
    assert len(path.get_segments()) == 2
    key = [text.get_text() for text in figure.legends[0].get_texts()]
    assert key[2:] == [
        "lower bound of $I(X;T)$ alone",
        "lower bound of $I(X;T)$ and lower bound of $I(Y;T)$ alone",
    ]
    (arrow,) = figure.axes[0].texts  # at the last epoch: up and to the right
    assert arrow.get_position() == (14, 14)


def test_the_plane_names_epochs_of_short_runs():
    tables = both_targets()
    few = tables["mutual_information"].query("epoch <= 6")
    figure = InformationPlane()(FakeTables(tables, mutual_information=few), CONTEXT)
    (bar,) = [axes for axes in figure.axes if axes.get_ylabel() == "epoch"]
    names = [text.get_text() for text in bar.get_yticklabels()]
    assert names == ["0", "1", "2", "5"][: len(names)]
    assert len(names) >= 3


def test_without_noise_the_plane_is_binned_and_without_i_y_there_is_none():
    binned = both_targets("binned", 0.0)
    none = binned["mutual_information"].assign(lower=np.nan, upper=np.nan)
    silent = FakeTables(mutual_information=none, layers=fake_layers(0.0))
    figure = InformationPlane()(silent, CONTEXT)
    assert "Bin" in figure.get_supxlabel()
    assert "width" not in figure.get_supxlabel()  # nobody knows it
    made = '{"a": {"measurement": {"binned_information": {"bin_width": 0.07}}}}'
    none.attrs["settings_of_rows"] = made
    silent["mutual_information"] = none.assign(settings="a")
    figure = InformationPlane()(silent, CONTEXT)
    assert "bins of width 0.07" in figure.get_supxlabel()
    assert len(figure.axes[0].collections[0].get_paths()) == 0
    assert not InformationPlane().applies(RUN, CONTEXT)
    assert InformationPlane().applies(both_targets(), CONTEXT)


@pytest.mark.parametrize("figure", [InformationByNoise, Seeds])
def test_one_measured_epoch_is_seen(figure):
    tables, runs = noise_sweep()
    tables = FakeTables(SWEEP, **tables)
    runs = runs if figure is InformationByNoise else RUNS
    for name in ("mutual_information", "binned_entropy"):
        tables[name] = tables[name][tables[name]["epoch"] == 0]
    if figure is Seeds:
        tables["layers"] = SWEEP["layers"]
        tables["mutual_information"] = SWEEP["mutual_information"].query("epoch == 0")
    axes = figure().over_runs(tables, runs).axes[0]
    seen = [line for line in lines(axes).values() if len(line.get_xdata()) == 1]
    assert seen
    assert all(line.get_marker() == "." for line in seen)


def test_one_epoch_has_no_fall():
    tables, runs = noise_sweep()
    once = tables["mutual_information"].query("epoch == 0")
    (axes,) = CompressionByNoise().over_runs(FakeTables(tables, mutual_information=once), runs).axes
    assert not axes.containers
    assert [text.get_text() for text in axes.texts] == ["a fall needs two measured epochs"]


def test_the_panels_of_seeds_are_those_that_its_rule_names():
    assert tuple(DRAW) == PANELS
