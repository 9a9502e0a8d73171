// What is chosen: the epoch, the layer, the unit …, and in a sweep the runs.

const page = JSON.parse(document.getElementById("data").textContent);
const tables = {};
const state = { epochs: [], at: 0, layer: null, unit: "nats", axis: "log", width: null, beta: null, values: {}, seed: null };

/** The chosen epoch. */
const now = () => state.epochs[state.at];

const lastEpoch = () => Math.max(...state.epochs, ...(tables.training ? tables.training.distinct("epoch").slice(-1) : []));

/** The swept keys but the seed. */
const sweptKeys = () => page.keys.filter((key) => key !== "seed");

/** The runs that are chosen, all seeds or one; null in a run's own report. */
function chosenRuns() {
  if (!page.sweep) return null;
  const table = runsTable();
  const wanted = { ...state.values, ...(state.seed === null ? {} : { seed: state.seed }) };
  return table.distinct("run", table.where(wanted)).filter((run) => !run.startsWith("all"));
}

/** A table that names every run with its swept values. */
const runsTable = () => tables.training ?? tables.mutual_information ?? Object.values(tables).find((one) => one.has("run"));

/** The one run whose scatter and histograms are shown: the first chosen one that has `table`. */
function oneRun(table) {
  if (!page.sweep) return {};
  const there = new Set(table.distinct("run"));
  return { run: chosenRuns().find((run) => there.has(run)) ?? "" };
}

/** Rows of `table` about the chosen runs with these values. */
const chosen = (table, wanted = {}) => table.where({ ...(page.sweep ? { run: chosenRuns() } : {}), ...wanted });

/** Low quartile, median and high quartile of numbers, as numpy's and pandas' `quantile` has them. */
function quartiles(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  return [0.25, 0.5, 0.75].map((share) => {
    const at = share * (sorted.length - 1);
    const below = Math.floor(at);
    const above = Math.min(below + 1, sorted.length - 1);
    return sorted[below] + (at - below) * (sorted[above] - sorted[below]);
  });
}

/** Quartiles over runs of `column`, by epoch: those epochs that all of them have. */
function bands(table, rows, column) {
  const runs = table.distinct("run", rows).length;
  const found = [];
  for (const [epoch, those] of table.groups("epoch", rows)) {
    const values = those.map((row) => table.value(column, row)).filter((one) => one !== null);
    if (values.length === runs) found.push({ epoch, n: runs, quartiles: quartiles(values) });
  }
  return found;
}

/** Whether several runs are shown together, as a median and a band. */
const together = () => page.sweep && chosenRuns().length > 1;
