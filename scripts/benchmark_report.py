"""The size of a run's report and the time to draw it: ``results/report.csv`` and its JSON.

    python scripts/benchmark_report.py run=RUN [rounds=5]

Opens ``RUN/report.html`` in headless Chromium (1400 × 900, without a graphics card) and takes the
time until the visible part is drawn, and until everything is, 3-D plots included: wall clock, which
other work on the machine delays, and processor time of the page. Needs ``chromium`` and playwright.
"""

import csv
import json
import shutil
import sys
from pathlib import Path
from statistics import median

from playwright.sync_api import Page, sync_playwright

from ib_runner.files import provenance

RESULTS = Path(__file__).resolve().parents[1] / "results"
ARGUMENTS = (
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
)
#: parts of the page, and the name of the event by which the page says that they are drawn
MOMENTS = {"what is in view": "drawn", "everything, 3-D included": "complete"}
PATIENCE = 120_000


def opened(page: Page, path: Path) -> dict[str, tuple[float, float]]:
    """Wall-clock and processor seconds until each of ``MOMENTS``."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    page.goto(path.resolve().as_uri())
    found = {}
    for what, name in MOMENTS.items():
        page.wait_for_function(f"document.body.dataset.{name} !== undefined", timeout=PATIENCE)
        metrics = session.send("Performance.getMetrics")["metrics"]
        (busy,) = [one["value"] for one in metrics if one["name"] == "TaskDuration"]
        found[what] = (page.evaluate(f"Number(document.body.dataset.{name})") / 1000, busy)
    return found


def main(run: str, rounds: str = "5") -> None:
    path = Path(run) / "report.html"
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(ARGUMENTS))
        times = []
        for _ in range(int(rounds)):
            context = browser.new_context(viewport={"width": 1400, "height": 900})
            times.append(opened(context.new_page(), path))
            context.close()
        version = browser.version
        browser.close()
    rows = [
        [what, *(f"{median(one[what][kind] for one in times):.2f}" for kind in (0, 1))]
        for what in MOMENTS
    ]
    with (RESULTS / "report.csv").open("w", encoding="utf-8", newline="") as file:
        head = ["drawn", "seconds by the clock", "seconds of the processor"]
        csv.writer(file, lineterminator="\n").writerows([head, *rows])
    facts = json.loads((Path(run) / "run.json").read_text(encoding="utf-8"))
    made = {
        **provenance.of_result(f"scripts/benchmark_report.py run=RUN rounds={rounds}"),
        "experiment": facts["experiment"],
        "size (MB)": round(path.stat().st_size / 1e6, 1),
        "in view after (s of the processor)": float(rows[0][2]),
        "browser": f"Chromium {version}",
    }
    text = json.dumps(made, indent=2, ensure_ascii=False)
    (RESULTS / "report.json").write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main(**dict(word.split("=", 1) for word in sys.argv[1:]))
