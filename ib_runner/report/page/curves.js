// Curves over epochs beside information: binned entropies, losses, accuracies, parameters.

function binnedPanel() {
  const table = tables.binned_entropy;
  const { chart, caption } = panel("binned", "H(Bin(T)) over epochs");
  let marks = -1;
  let byLayer = new Map();
  const draw = () => {
    byLayer = table.groups("layer", chosen(table, { unit: null, bin_width: widthNow() }));
    const traces = [...byLayer].flatMap(([layer, rows]) => (together() ? bandOfRuns(layer, rows, "H(Bin(T))", table, "entropy")
      : [curve(table, rows, "entropy", { name: layerName(layer), layer, colour: layerColour(layer), dash: layerDash(layer), convert: inUnit, unit: state.unit })]));
    marks = traces.push(marksTrace(points())) - 1;
    Plotly.react(chart, traces, layout(epochAxis(lastEpoch()), { title: { text: `H(Bin(T)) [${state.unit}]` }, rangemode: "tozero" }, { shapes: [epochLine()], uirevision: `${state.axis} ${state.unit}` }), CONFIG);
    caption.textContent = `Bins of width ${shown(widthNow())}: a measure of clustering, no estimate of I(X;T).`;
  };
  const points = () => [...byLayer].map(([layer, rows]) => ({ layer, x: place(now()), y: inUnit(valueNow(table, rows, "entropy")) }));
  const move = () => moveMarks(chart, marks, points());
  return { chart, draw, move };
}

/** The bin widths of whole layers; single units may have others. */
const widthsOf = (rows) => tables.binned_entropy.distinct("bin_width", rows);

/** The bin width that is shown. In a sweep over noise levels each run has its own. */
function widthNow() {
  const there = widthsOf(chosen(tables.binned_entropy, { unit: null }));
  return there.includes(state.width) ? state.width : there[0];
}

/** `column` of the only row, or the median over runs, at the chosen epoch. */
function valueNow(table, rows, column) {
  if (together()) return bands(table, rows, column).find((one) => one.epoch === now())?.quartiles[1] ?? null;
  const row = rows.find((one) => table.value("epoch", one) === now());
  return row === undefined ? null : table.value(column, row);
}

function curve(table, rows, column, { name, layer = null, colour, dash = "solid", convert = (one) => one, unit = "" }) {
  return {
    name, legendgroup: layer ?? name, mode: rows.length > 1 ? "lines" : "markers", line: { color: colour, width: 1.8, dash },
    x: rows.map((row) => place(table.value("epoch", row))), y: rows.map((row) => convert(table.value(column, row))),
    customdata: rows.map((row) => table.value("epoch", row)),
    hovertemplate: `<b>${plain(name)}</b>, epoch %{customdata}<br>%{y:.5g} ${plain(unit)}<extra></extra>`,
  };
}

/** Of `rows` those whose epochs can be told apart on the axis: at most some hundreds a run. */
function thinned(table, rows) {
  const last = lastEpoch();
  const width = place(last) / 500 || 1;
  const seen = new Set();
  const kept = new Set([last, ...state.epochs]);
  return rows.filter((row) => {
    const epoch = table.value("epoch", row);
    if (kept.has(epoch)) return true;
    const key = `${page.sweep ? table.value("run", row) : ""} ${Math.floor(place(epoch) / width)}`;
    return !seen.has(key) && seen.add(key);
  });
}

const SPLITS = { train: ["#0072B2", "solid"], test: ["#D55E00", "dash"] };

/** One column of the table `training`: train and test. */
function trainingPanel(column, title, unit) {
  const table = tables.training;
  const { chart, caption } = panel(column, title);
  let marks = -1;
  let splits = new Map();
  const draw = () => {
    splits = table.groups("split", chosen(table));
    const traces = [...splits].flatMap(([split, all]) => {
      const rows = thinned(table, all);
      const [colour, dash] = SPLITS[split] ?? [GREY, "dot"];
      const look = { name: split, layer: split, colour, dash, unit };
      return together() ? bandLine(bands(table, rows, column), { ...look, what: column }) : [curve(table, rows, column, look)];
    });
    marks = traces.push(marksTrace(points())) - 1;
    Plotly.react(chart, traces, layout(epochAxis(lastEpoch()), { title: { text: unit ? `${column} [${unit}]` : column } }, { shapes: [epochLine()], uirevision: state.axis }), CONFIG);
    if (together()) caption.textContent = `Medians and quartiles over ${chosenRuns().length} runs.`;
  };
  const points = () => [...splits].map(([split, rows], k) => ({ layer: k + 1, colour: (SPLITS[split] ?? [GREY])[0], x: place(now()), y: valueNow(table, rows, column) }));
  const move = () => moveMarks(chart, marks, points());
  return { chart, draw, move };
}

/** A table of values by name: parameters, or what a training of one's own has logged. */
function namedPanel(id, title, table) {
  const { chart, caption } = panel(id, title);
  const names = table.distinct("name");
  let marks = -1;
  let byName = new Map();
  const draw = () => {
    byName = table.groups("name", chosen(table, oneRun(table)));
    const traces = [...byName].map(([name, rows]) => curve(table, rows, "value", { name, colour: layerColour(1 + names.indexOf(name)), dash: layerDash(1 + names.indexOf(name)) }));
    marks = traces.push(marksTrace(points())) - 1;
    Plotly.react(chart, traces, layout(epochAxis(lastEpoch()), { title: { text: "value" } }, { shapes: [epochLine()], uirevision: state.axis }), CONFIG);
    caption.textContent = ofWhichRun(table);
  };
  const points = () => [...byName].map(([name, rows]) => {
    const row = rows.find((one) => table.value("epoch", one) === now());
    return { layer: 1 + names.indexOf(name), x: place(now()), y: row === undefined ? null : table.value("value", row) };
  });
  const move = () => moveMarks(chart, marks, points());
  return { chart, draw, move };
}

/** Said where one of several runs is shown. */
const ofWhichRun = (table) => (together() ? `Of run ${oneRun(table).run}.` : "");
