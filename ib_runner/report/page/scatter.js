// The representation of the chosen layer at the chosen epoch, a point for each sample.

const hasWebGl = (() => {
  try { return Boolean(document.createElement("canvas").getContext("webgl")); } catch { return false; }
})();

/** plotly.js with 3-D, which takes a while to start: until it is there the first two axes are seen. */
let plotly3d = null;

async function load3d() {
  const flatOne = window.Plotly;
  await runLibrary("library-3d");
  plotly3d = window.Plotly;
  window.Plotly = flatOne;
}

function scatterPanel() {
  const table = tables.representation;
  const { chart, caption } = panel("scatter", "Representation");
  const labels = table.distinct("label");
  let dimensions = 0;
  let look = {};
  let drawnBy = null;
  const layer = () => layerOf(table);
  const flat = () => dimensions < 3 || !plotly3d;
  const rowsNow = () => chosen(table, { ...oneRun(table), layer: layer(), epoch: now() });
  const layerFacts = () => page.scatter_layers.find((one) => one.layer === layer());

  const traces = () => {
    const rows = rowsNow();
    return labels.map((label, k) => {
      const those = rows.filter((row) => table.value("label", row) === label);
      const values = those.map((row) => table.value("value", row));
      const colour = CLASSES[k % CLASSES.length];
      const name = `class ${label}`;
      const text = those.map((row) => `${name}, sample ${table.value("sample", row)}`);
      const common = { name, mode: "markers", text, hovertemplate: `%{text}<br>(%{x:.4g}, %{y:.4g}${flat() ? "" : ", %{z:.4g}"})<extra></extra>`, showlegend: labels.length <= 20 };
      const marker = { color: colour, size: flat() ? 4 : 2.2, opacity: 0.7, symbol: flat() ? MARKS[k % MARKS.length] : ["circle", "diamond", "square", "cross"][k % 4], line: { width: 0 } };
      const [x, y, z] = [0, 1, 2].map((axis) => values.map((value) => value[axis]));
      if (dimensions === 1) return { ...common, type: "scatter", x, y: those.map((row) => k + jitter(table.value("sample", row))), marker };
      return flat() ? { ...common, type: "scatter", x, y, marker } : { ...common, type: "scatter3d", x, y, z, marker };
    });
  };

  const draw = () => {
    dimensions = Math.min(3, layerFacts()?.units ?? 0);
    const kind = layerFacts()?.projected ? "principal axis" : "unit";
    const ranges = rangesOf(table, chosen(table, { ...oneRun(table), layer: layer() }), dimensions);
    const axes = ranges.map((range, k) => ({ title: { text: `${kind} ${k + 1}` }, range }));
    if (flat()) {
      const second = dimensions === 1 ? { title: { text: "class" }, tickvals: labels.map((_, k) => k), ticktext: labels.map(String) } : axes[1];
      look = layout(axes[0], second, { uirevision: layer() });
    } else {
      const scene = { xaxis: axes[0], yaxis: axes[1], zaxis: axes[2], aspectmode: "cube", uirevision: layer(), camera: { eye: { x: 1.5, y: 1.5, z: 0.85 }, center: { x: 0, y: 0, z: -0.12 } } };
      look = { ...layout({}, {}), scene, margin: { l: 0, r: 0, t: 8, b: 0 }, uirevision: layer() };
    }
    return move();
  };

  const move = () => {
    const found = traces();
    const units = layerFacts()?.units ?? 0;
    const seen = layerFacts()?.projected ? `${units} units along the first ${dimensions} principal axes of the last epoch` : `${units} unit${units === 1 ? "" : "s"}`;
    const part = page.notes.representation.note;
    const there = found.some((one) => one.x.length);
    caption.textContent = [captionNow(table, layer(), there), there ? seen : "", part && `${part}`, flat() && dimensions === 3 ? `seen along two axes${hasWebGl ? "" : ": this browser draws no 3-D (WebGL)"}` : "", ofWhichRun(table)].filter(Boolean).join("; ");
    const library = flat() ? window.Plotly : plotly3d;
    if (drawnBy !== null && drawnBy !== library) drawnBy.purge(chart);
    drawnBy = library;
    return library.react(chart, found, look, CONFIG);
  };

  /** See layers of three units and more in 3-D, from now on. */
  const deepen = async () => {
    if (plotly3d || dimensions < 3 || !hasWebGl) return;
    await load3d();
    await draw();
  };
  return { chart, draw, move, deepen };
}

/** A place across, from −0.3 to 0.3, that a sample keeps at all epochs. */
const jitter = (sample) => 0.6 * (((sample * 0.61803398875) % 1) - 0.5);

/** One range for each axis and all epochs, so that movements are seen. */
function rangesOf(table, rows, dimensions) {
  const ranges = Array.from({ length: dimensions }, () => [Infinity, -Infinity]);
  for (const row of rows) {
    const value = table.value("value", row);
    for (let k = 0; k < dimensions; k += 1) ranges[k] = [Math.min(ranges[k][0], value[k]), Math.max(ranges[k][1], value[k])];
  }
  return ranges.map(([low, high]) => padded(low, high));
}
