"""The page in a real browser: no errors, no network access, and the values of the tables."""

import math
import os

import numpy as np
import pandas as pd
import pytest
from report_folders import LAST, NASTY, run_folder, run_tables, sweep_folder

from ib_runner.errors import DamagedFileError, UsageError
from ib_runner.report import write_report
from ib_runner.tables.files import read_table

#: seconds; a machine with other work on it takes its time
PATIENCE = 120


#: all charts are drawn with the choices that were made last
COMPLETE = "document.body.dataset.complete !== undefined"


class Opened:
    """A page, drawn, and what it said and asked for meanwhile."""

    def __init__(self, browser, path):
        self.context = browser.new_context(viewport={"width": 1400, "height": 900})
        self.page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE * 1000)
        self.said, self.asked = [], []
        self.page.on("console", lambda message: self.said.append((message.type, message.text)))
        self.page.on("pageerror", lambda error: self.said.append(("error", str(error))))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(path.as_uri())
        self.wait(COMPLETE)

    def wait(self, condition):
        self.page.wait_for_function(condition, timeout=PATIENCE * 1000)

    @property
    def errors(self):
        return [text for kind, text in self.said if kind == "error"]

    def shown_epoch(self):
        return self.page.inner_text("#now")

    def traces(self, panel):
        """What the chart of ``panel`` has drawn: dicts of plotly's traces."""
        return self.page.evaluate(
            """id => document.getElementById(id + "-chart").data.map(one => ({
                name: one.name, mode: one.mode, fill: one.fill, text: one.text, type: one.type,
                ...Object.fromEntries(["x", "y", "z", "customdata"].map(
                    key => [key, one[key] && Array.from(one[key])]))}))""",
            panel,
        )

    def curve(self, panel, name):
        """y by epoch."""
        (trace,) = [t for t in self.traces(panel) if t["name"] == name and t["customdata"]]
        return dict(zip(trace["customdata"], trace["y"], strict=True))

    def close(self):
        self.context.close()


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return run_folder(tmp_path_factory.mktemp("run") / "run")


@pytest.fixture(scope="module")
def opened(browser, run):
    page = Opened(browser, write_report(run))
    yield page
    page.close()


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    return sweep_folder(tmp_path_factory.mktemp("sweep") / "sweep")


@pytest.fixture(scope="module")
def opened_sweep(browser, sweep):
    page = Opened(browser, write_report(sweep))
    yield page
    page.close()


def table(folder, name):
    return read_table(folder / "measurements" / f"{name}.parquet")


def go_to(opened, epoch):
    opened.page.evaluate("epoch => goToEpoch(epoch)", epoch)
    opened.wait(f"document.getElementById('now').textContent.startsWith('epoch {epoch} ')")
    opened.wait(f"document.body.dataset.settled === '{epoch}'")  # what is out of view follows


@pytest.mark.slow
def test_it_is_quiet_and_asks_for_nothing_else(opened, opened_sweep, run, sweep):
    for page, folder in ((opened, run), (opened_sweep, sweep)):
        assert page.errors == []
        files = [url for url in page.asked if not url.startswith(("data:", "blob:"))]
        assert files == [(folder / "report.html").as_uri()]
        html = (folder / "report.html").read_text()
        assert "default-src 'none'" in html


def test_information_and_losses_are_the_tables(opened, run):
    rows = table(run, "mutual_information")
    for panel, target in (("information-x", "x"), ("information-y", "y")):
        for layer in (1, 4, 5):
            those = rows[(rows["layer"] == layer) & (rows["target"] == target)]
            those = those[those["method"] == "coupled"]
            expected = dict(zip(those["epoch"], those["mi"], strict=True))
            assert opened.curve(panel, f"layer {layer}") == expected
    training = read_table(run / "training.parquet")
    test = training[training["split"] == "test"].set_index("epoch")["loss"]
    drawn = opened.curve("loss", "test")
    assert {0, LAST} <= set(drawn)
    assert drawn == test.loc[list(drawn)].to_dict()


def test_the_ceiling_is_drawn(opened, run):
    h_x = table(run, "layers").query("layer == 0")["h_x"].item()
    (line,) = [one for one in opened.traces("information-x") if one["name"] == "H(X)"]
    assert set(line["y"]) == {h_x}
    assert f"H(X) = {h_x:.5g} nats" in opened.page.inner_text("#summary")


def test_what_was_logged_is_drawn(opened, run):
    log = table(run, "log")
    assert opened.curve("log", "rate") == dict(zip(log["epoch"], log["value"], strict=True))


def test_hovering_tells_interval_and_status(opened, run):
    (trace,) = [
        one
        for one in opened.traces("information-x")
        if one["name"] == "layer 5" and one["customdata"]
    ]
    rows = table(run, "mutual_information")
    row = rows[(rows["layer"] == 5) & (rows["epoch"] == LAST) & (rows["target"] == "x")]
    row = row[row["method"] == "coupled"].iloc[0]
    text = trace["text"][trace["customdata"].index(LAST)]
    assert f"{row['lower']:.5g} to {row['upper']:.5g}" in text
    assert "ok" in text
    assert "at most as wide" in text


def test_the_band_is_the_certified_interval(opened, run):
    rows = table(run, "mutual_information")
    rows = rows[(rows["layer"] == 5) & (rows["target"] == "x") & (rows["method"] == "coupled")]
    bands = [one for one in opened.traces("information-x") if one["fill"] == "toself"]
    ends = {y for y in bands[-1]["y"] if y is not None}
    assert ends == set(rows["lower"]) | set(rows["upper"])


def test_bounds_alone_lie_in_the_plane_and_bins_of_units_are_no_choice(browser, tmp_path):
    tables = run_tables()
    rows = tables["mutual_information"]
    alone = (rows["layer"] == 4) & (rows["target"] == "x") & (rows["method"] == "coupled")
    rows.loc[alone, ["mi", "status"]] = float("nan"), "not_certified"
    entropies = tables["binned_entropy"]
    finest = entropies[entropies["unit"].isna()].assign(unit=1)
    finest = finest[finest["bin_width"] == finest["bin_width"].min()].assign(bin_width=1e-4)
    tables["binned_entropy"] = pd.concat([finest, entropies], ignore_index=True)
    opened = Opened(browser, write_report(run_folder(tmp_path / "run", tables)))
    try:
        go_to(opened, 28)
        at = rows[(rows["epoch"] == 28) & (rows["method"] == "coupled")].set_index("layer")
        of_x, of_y = at[at["target"] == "x"], at[at["target"] == "y"]
        marks = opened.traces("plane")[-1]
        assert marks["x"] == of_x["mi"].fillna(of_x["lower"]).tolist()
        assert marks["y"] == of_y["mi"].tolist()
        assert "lower bounds alone" in opened.page.inner_text("#plane figcaption")
        widths = opened.page.eval_on_selector_all(
            "#choose-width option", "all => all.map(one => Number(one.textContent))"
        )
        assert widths == sorted(entropies["bin_width"].unique())
        assert any(one["name"] == "layer 5" for one in opened.traces("binned"))
        assert opened.errors == []
    finally:
        opened.close()


def test_the_slider_moves_everything(opened, run):
    before = {}
    for epoch in (0, 28):
        go_to(opened, epoch)
        assert opened.shown_epoch() == f"epoch {epoch} of {LAST}"
        rows = table(run, "mutual_information")
        rows = rows[(rows["epoch"] == epoch) & (rows["method"] == "coupled")]
        x, y = (
            rows[rows["target"] == target].set_index("layer")["mi"].to_dict()
            for target in ("x", "y")
        )
        marks = opened.traces("information-x")[-1]
        assert marks["y"] == list(x.values())
        assert marks["x"] == [math.log10(1 + epoch)] * 5
        plane = opened.traces("plane")[-1]
        assert (plane["x"], plane["y"]) == (list(x.values()), list(y.values()))

        cloud = table(run, "representation")
        cloud = cloud[(cloud["epoch"] == epoch) & (cloud["layer"] == 5)]
        expected = np.stack(cloud[cloud["label"] == 1]["value"].to_list())
        (drawn,) = [one for one in opened.traces("scatter") if one["name"] == "class 1"]
        assert drawn["type"] == "scatter3d"
        got = np.array([drawn["x"], drawn["y"], drawn["z"]], dtype=np.float32).T
        np.testing.assert_array_equal(got, expected)

        bins = table(run, "activation_histogram")
        bins = bins[(bins["epoch"] == epoch) & (bins["layer"] == 5)]
        (histogram,) = opened.traces("activations")
        assert histogram["y"][:-1] == bins["density"].to_list()
        pairs = table(run, "distance_histogram")
        pairs = pairs[(pairs["epoch"] == epoch) & (pairs["layer"] == 5)]
        within = [one for one in opened.traces("distances") if "within" in one["name"]]
        assert within[0]["y"][:-1] == pairs[pairs["pairs"] == "within"]["density"].to_list()

        cells = opened.page.inner_text("#values")
        assert f"{x[5]:.5g}" in cells
        before[epoch] = cells
    assert before[0] != before[28]


@pytest.mark.slow
def test_keys_and_play(opened):
    page = opened.page
    go_to(opened, 0)
    page.locator("h1").click()
    page.keyboard.press("ArrowRight")
    opened.wait("state.at === 1")
    page.keyboard.press("End")
    opened.wait("state.at === state.epochs.length - 1")
    page.focus("#epoch")
    page.keyboard.press("ArrowLeft")
    opened.wait("state.at === state.epochs.length - 2")
    assert page.get_attribute("#epoch", "aria-valuetext").startswith("epoch ")
    go_to(opened, 28)
    page.click("#play")
    assert page.get_attribute("#play", "aria-pressed") == "true"
    opened.wait("document.getElementById('play').getAttribute('aria-pressed') === 'false'")
    assert page.evaluate("state.at === state.epochs.length - 1"), "it stops at the end"


@pytest.mark.slow
def test_another_layer_unit_and_axis(opened, run):
    page = opened.page
    go_to(opened, 28)
    page.select_option("#choose-layer", label="layer 2")
    page.select_option("#choose-unit", label="bits")
    page.select_option("#choose-axis", label="linear")
    opened.wait(COMPLETE)
    bins = table(run, "activation_histogram")
    bins = bins[(bins["epoch"] == 28) & (bins["layer"] == 2)]
    opened.wait(
        f"document.getElementById('activations-chart').data[0].y[0] === {bins['density'].iloc[0]}"
    )
    rows = table(run, "mutual_information")
    those = rows[(rows["layer"] == 5) & (rows["target"] == "x") & (rows["method"] == "coupled")]
    drawn = opened.curve("information-x", "layer 5")
    np.testing.assert_allclose(list(drawn.values()), those["mi"] / np.log(2), rtol=1e-14)
    assert opened.traces("information-x")[-1]["x"] == [28] * 5
    page.select_option("#choose-layer", label="layer 5")
    page.select_option("#choose-unit", label="nats")
    page.select_option("#choose-axis", label="log")


def test_csv_downloads_are_the_tables(opened, run, tmp_path):
    for name in ("mutual_information", "binned_entropy", "training", "findings"):
        with opened.page.expect_download() as download:
            opened.page.click(f"button[aria-label='Download {name} as CSV']")
        path = tmp_path / f"{name}.csv"
        download.value.save_as(path)
        assert download.value.suggested_filename == f"{name}.csv"
        folder = run if name == "training" else run / "measurements"
        expected = read_table(folder / f"{name}.parquet")
        pd.testing.assert_frame_equal(
            pd.read_csv(path), expected, check_dtype=False, check_exact=True
        )


def test_texts_of_a_stranger_stay_texts(opened):
    assert NASTY in opened.page.inner_text("#findings")
    assert opened.page.title() == "szt_tanh · ib-run"


def test_the_foot_says_what_made_it(opened):
    foot = opened.page.inner_text("#foot")
    for words in ("0123456789abcdef", "torch 2.13.0", "seed", "2026-01-01"):
        assert words in foot
    assert "beta: 0.005" in opened.page.text_content("#foot pre")


def test_for_print_controls_go(opened):
    opened.page.emulate_media(media="print")
    assert not opened.page.is_visible("#play")
    assert opened.page.is_visible("#information-x")
    opened.page.emulate_media(media="screen")
    assert opened.page.is_visible("#play")


@pytest.mark.slow
def test_a_sweep_has_bands_over_seeds_and_a_selector(opened_sweep, sweep):
    page = opened_sweep.page
    rows = table(sweep, "mutual_information")
    rows = rows[(rows["layer"] == 5) & (rows["target"] == "x") & (rows["method"] == "coupled")]
    for beta in (0.05, 0.005):
        page.select_option("#choose-noise\\.beta", label=str(beta))
        opened_sweep.wait(COMPLETE)
        by_epoch = rows[rows["noise.beta"] == beta].groupby("epoch")["mi"]
        drawn = opened_sweep.curve("information-x", "layer 5")
        assert drawn.keys() == set(by_epoch.groups)
        np.testing.assert_allclose(list(drawn.values()), by_epoch.median(), rtol=1e-12)
        band = [one for one in opened_sweep.traces("information-x") if one["fill"]][-1]
        n = len(drawn)
        np.testing.assert_allclose(band["y"][:n], by_epoch.quantile(0.75), rtol=1e-12)
        np.testing.assert_allclose(band["y"][n : 2 * n][::-1], by_epoch.quantile(0.25), rtol=1e-12)


def test_one_seed_of_a_sweep_has_its_certified_interval(opened_sweep, sweep):
    opened_sweep.page.select_option("#choose-seed", label="2")
    opened_sweep.wait(COMPLETE)
    rows = table(sweep, "mutual_information")
    rows = rows[(rows["layer"] == 5) & (rows["target"] == "x") & (rows["method"] == "coupled")]
    rows = rows[rows["run"] == "noise.beta-0.005_seed-2"]
    drawn = opened_sweep.curve("information-x", "layer 5")
    assert list(drawn.values()) == rows["mi"].to_list()
    opened_sweep.page.select_option("#choose-seed", label="all: median")


def test_against_the_swept_value(opened_sweep, sweep):
    go_to(opened_sweep, 28)
    rows = table(sweep, "mutual_information")
    rows = rows[(rows["layer"] == 5) & (rows["target"] == "x") & (rows["epoch"] == 28)]
    medians = rows[rows["method"] == "coupled"].groupby("noise.beta")["mi"].median()
    (trace,) = [one for one in opened_sweep.traces("against") if one["name"] == "layer 5"]
    assert trace["x"] == medians.index.to_list()
    np.testing.assert_allclose(trace["y"], medians, rtol=1e-12)


@pytest.mark.slow
def test_a_run_that_is_only_trained(browser, tmp_path):
    folder = run_folder(tmp_path / "run")
    for path in (folder / "measurements").glob("*"):
        path.unlink()
    opened = Opened(browser, write_report(folder))
    assert opened.errors == []
    assert opened.shown_epoch() == f"epoch {LAST} of {LAST}"
    opened.close()


@pytest.mark.slow
def test_it_takes_little_time_and_room(browser, run):
    path = write_report(run)
    assert path.stat().st_size < 3e6
    opened = Opened(browser, path)
    session = opened.context.new_cdp_session(opened.page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    opened.page.reload()
    opened.wait("document.body.dataset.drawn !== undefined")
    # the page's own processor time: other work on the machine must not decide about a test
    metrics = session.send("Performance.getMetrics")["metrics"]
    (busy,) = [one["value"] for one in metrics if one["name"] == "TaskDuration"]
    assert 0 < busy < 8, "about 1.5 s on a processor of its own"
    opened.close()


def test_what_is_no_run_is_refused(tmp_path):
    with pytest.raises(UsageError, match="neither a run"):
        write_report(tmp_path)


def test_a_run_without_tables_is_refused(tmp_path):
    folder = run_folder(tmp_path / "run")
    for path in folder.rglob("*.parquet"):
        path.unlink()
    with pytest.raises(UsageError, match="no tables yet"):
        write_report(folder)
    assert not (folder / "report.html").exists()


def test_a_damaged_table_is_named(tmp_path):
    folder = run_folder(tmp_path / "run")
    path = folder / "measurements" / "mutual_information.parquet"
    os.truncate(path, 100)
    with pytest.raises(DamagedFileError, match="mutual_information"):
        write_report(folder)


def test_the_same_run_gives_the_same_page(run):
    assert write_report(run).read_bytes() == write_report(run).read_bytes()
