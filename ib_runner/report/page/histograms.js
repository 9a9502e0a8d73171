// Histograms and densities of the chosen layer at the chosen epoch.

const PAIRS = { within: ["#0072B2", "solid"], between: ["#D55E00", "dash"] };

/** A histogram (or several) of `table`; `series` maps rows to [name, colour, dash, rows]. */
function histogramPanel(id, title, table, axis, series) {
  const { chart, caption } = panel(id, title);
  const layer = () => layerOf(table);
  const rowsOfLayer = () => chosen(table, { ...oneRun(table), layer: layer() });
  const traces = () => {
    const rows = chosen(table, { ...oneRun(table), layer: layer(), epoch: now() });
    return series(rows).map(([name, colour, dash, those]) => steps(table, those, { name, colour, dash }));
  };
  let axes = {};
  const draw = () => {
    const all = rowsOfLayer();
    const left = Math.min(...all.map((row) => table.value("left", row)).slice(0, 1e5));
    const right = Math.max(...all.map((row) => table.value("right", row)).slice(0, 1e5));
    const range = all.length ? padded(left, right) : undefined;
    axes = layout({ title: { text: axis }, range }, { title: { text: "density" }, rangemode: "tozero" }, { uirevision: layer() });
    return move();
  };
  const move = () => {
    const found = traces();
    caption.textContent = [captionNow(table, layer(), found.length), ofWhichRun(table)].filter(Boolean).join("; ");
    return Plotly.react(chart, found, axes, CONFIG);
  };
  return { chart, draw, move };
}

/** The chosen layer where `table` has it, else the table's last. */
function layerOf(table) {
  const there = table.distinct("layer");
  return there.includes(state.layer) ? state.layer : there.at(-1);
}

function captionNow(table, layer, there) {
  const other = layer === state.layer || state.layer === null ? "" : ` (${layerName(state.layer)} was not kept)`;
  return there ? `${layerName(layer)}, epoch ${now()}${other}` : `${layerName(layer)}: nothing kept at epoch ${now()}${other}`;
}

function steps(table, rows, { name, colour, dash }) {
  const last = rows.at(-1);
  const edges = [...rows.map((row) => table.value("left", row)), table.value("right", last)];
  const heights = rows.map((row) => table.value("density", row));
  return {
    name, x: edges, y: [...heights, heights.at(-1)], mode: "lines", fill: "tozeroy", fillcolor: pale(colour, 0.2),
    line: { color: colour, width: 1.5, dash, shape: "hv" },
    text: [...rows, last].map((row) => `<b>${plain(name)}</b><br>${shown(table.value("left", row))} to ${shown(table.value("right", row))}<br>density ${shown(table.value("density", row))}, count ${table.value("count", row)}`),
    hovertemplate: "%{text}<extra></extra>",
  };
}

const distancePanel = () => histogramPanel("distances", "Distances between representations", tables.distance_histogram, "distance",
  (rows) => [...tables.distance_histogram.groups("pairs", rows)].map(([pairs, those]) => [`${pairs} classes`.replace("within classes", "within a class"), ...(PAIRS[pairs] ?? [GREY, "dot"]), those]));

const activationPanel = () => histogramPanel("activations", "Activations of the units", tables.activation_histogram, "activation",
  (rows) => (rows.length ? [["all units", layerColour(layerOf(tables.activation_histogram)), "solid", rows]] : []));

/** The density of layers of one unit. */
function densityPanel() {
  const table = tables.density;
  const { chart, caption } = panel("density", "Density of T (layers of one unit)");
  const axes = layout({ title: { text: "t" } }, { title: { text: "density" }, rangemode: "tozero" });
  const traces = () => [...table.groups("layer", chosen(table, { ...oneRun(table), epoch: now() }))].map(([layer, rows]) => ({
    x: rows.map((row) => table.value("t", row)), y: rows.map((row) => table.value("density", row)), name: layerName(layer), mode: "lines",
    line: { color: layerColour(layer), dash: layerDash(layer), width: 1.5 }, hovertemplate: `<b>${layerName(layer)}</b><br>t = %{x:.4g}<br>density %{y:.4g}<extra></extra>`,
  }));
  const move = () => {
    caption.textContent = [`Epoch ${now()}.`, ofWhichRun(table)].filter(Boolean).join(" ");
    return Plotly.react(chart, traces(), axes, CONFIG);
  };
  return { chart, draw: move, move };
}
