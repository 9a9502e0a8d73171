// I(X;T_l) and I(Y;T_l) over epochs, with their certified intervals and statuses.

const TARGETS = { x: "I(X;T)", y: "I(Y;T)" };
const STATUS_MARKS = { ok: "circle", width_not_reached: "circle-open", saturated: "square", not_certified: "x-thin-open" };
const METHODS = { binned: "binned: a property of the bins, no estimate of I(X;T)" };

/** The noise level with which `layer` was trained; where no table says so, the one measured most. */
function trainedBeta(run, layer, rows) {
  const mine = run === null ? {} : { run };
  const known = tables.layers ? tables.layers.where({ ...mine, layer }) : [];
  const table = tables.mutual_information;
  if (known.length) return tables.layers.value("beta", known.at(-1));
  const groups = [...table.groups("beta", rows)].sort((a, b) => b[1].length - a[1].length);
  return groups[0][0];
}

/** The rows about `target` of each layer's noise level: by layer, by run. */
function informationRows(target) {
  const table = tables.mutual_information;
  const rows = table.where({ target, ...(page.sweep ? { run: chosenRuns() } : {}) });
  const found = [];
  const runs = page.sweep ? table.groups("run", rows) : new Map([[null, rows]]);
  for (const [run, ofRun] of runs) {
    for (const [layer, those] of table.groups("layer", ofRun)) {
      const beta = state.beta ?? trainedBeta(run, layer, those);
      const near = those.filter((row) => Math.abs((table.value("beta", row) ?? 0) - (beta ?? 0)) <= 1e-9 * Math.abs(beta ?? 0));
      for (const [method, ofMethod] of table.groups("method", near)) found.push({ run, layer, method, rows: ofMethod });
    }
  }
  return found;
}

const count = (column, rows) => rows.filter((row) => tables.mutual_information.value(column, row) !== null).length;

/** Of each layer the method that is drawn as a line, and the others: most intervals, then most values. */
function linesAndOthers(target) {
  const all = informationRows(target).filter((one) => count("mi", one.rows) || count("lower", one.rows));
  const lines = new Map();
  const methods = new Map();
  for (const one of all) {
    const key = `${one.layer} ${one.method}`;
    const sum = methods.get(key) ?? { ...one, intervals: 0, values: 0 };
    sum.intervals += count("lower", one.rows) + (one.method === "quadrature" ? count("mi", one.rows) : 0);
    sum.values += count("mi", one.rows);
    methods.set(key, sum);
  }
  for (const sum of methods.values()) {
    const best = lines.get(sum.layer);
    if (!best || sum.intervals > best.intervals || (sum.intervals === best.intervals && sum.values > best.values)) lines.set(sum.layer, sum);
  }
  const isLine = (one) => lines.get(one.layer).method === one.method;
  const byLayer = new Map();
  for (const one of all.filter(isLine)) byLayer.set(one.layer, [...(byLayer.get(one.layer) ?? []), ...one.rows]);
  const table = tables.mutual_information;
  for (const rows of byLayer.values()) rows.sort((a, b) => table.value("epoch", a) - table.value("epoch", b));
  return {
    lines: new Map([...byLayer].sort(([a], [b]) => a - b).map(([layer, rows]) => [layer, { method: lines.get(layer).method, rows }])),
    others: all.filter((one) => !isLine(one)),
  };
}

/** H(X) or H(Y), nats, as the table `layers` has it; null where there is none. */
function entropyOf(target) {
  if (!tables.layers) return null;
  const [row] = chosen(tables.layers, { layer: 0 });
  const column = `h_${target}`;
  return row === undefined || !tables.layers.has(column) ? null : tables.layers.value(column, row);
}

/** Everything about a row, for hovering. */
function aboutRow(row, target) {
  const table = tables.mutual_information;
  const value = (name) => (table.has(name) ? table.value(name, row) : null);
  const sizes = ["n_x", "n_o", "n_mc"].filter((name) => value(name) !== null).map((name) => `${name} = ${value(name)}`);
  const lines = [
    `<b>${layerName(value("layer"))}</b>, epoch ${value("epoch")}`,
    `${TARGETS[target]} = ${shown(inUnit(value("mi")))} ${state.unit}` + (value("stderr") === null ? "" : ` ± ${shown(inUnit(value("stderr")))} (standard error)`),
    value("lower") === null && value("upper") === null ? "no interval" : `95 % interval: ${interval(row)}`,
    `<b>${plain(value("status"))}</b>: ${wrapped(page.statuses[value("status")] ?? "")}`,
    plain(`method ${value("method")}, β = ${shown(value("beta"))}, ${value("dim")} units`) + (sizes.length ? `<br>${sizes.join(", ")}` : ""),
  ];
  return lines.join("<br>");
}

/** The certified interval of a row, in words; a bound alone is called one. */
function interval(row) {
  const table = tables.mutual_information;
  const [lower, upper] = ["lower", "upper"].map((name) => shown(inUnit(table.value(name, row))));
  return oneSided(row) ? `at least ${lower} (no upper bound but H)` : `${lower} to ${upper}`;
}

/** Whether only the lower end says anything: the upper one is the entropy itself. */
const oneSided = (row) => tables.mutual_information.value("status", row) === "not_certified";

const wrapped = (text) => plain(text).replace(/(.{1,60})(\s|$)/g, "$1<br>").replace(/<br>$/, "");

function informationPanel(target) {
  const { chart, caption } = panel(`information-${target}`, `${TARGETS[target]} over epochs`);
  let marks = -1;
  let found = null;
  const table = tables.mutual_information;
  const draw = () => {
    found = linesAndOthers(target);
    const traces = [];
    for (const [layer, { rows }] of found.lines) traces.push(...(together() ? bandOfRuns(layer, rows, target) : ofOneRun(layer, rows, target)));
    if (!together()) traces.push(...found.others.map((one) => otherMethod(one, target)));
    const entropy = inUnit(entropyOf(target));
    if (entropy !== null) traces.push({ x: padded(0, place(lastEpoch())), y: [entropy, entropy], mode: "lines", name: `H(${target.toUpperCase()})`, line: { color: GREY, width: 1, dash: "dot" }, hoverinfo: "name+y" });
    marks = traces.push(marksTrace(points())) - 1;
    Plotly.react(chart, traces, layout(epochAxis(lastEpoch()), { title: { text: `${TARGETS[target]} [${state.unit}]` }, rangemode: "tozero" }, { shapes: [epochLine()], uirevision: `${state.axis} ${state.unit}` }), CONFIG);
    caption.textContent = captionOf(found);
  };
  const points = () => (together() ? mediansNow(found) : rowsNow(found).map(([layer, row]) => [layer, table.value("mi", row) ?? table.value("lower", row)]))
    .map(([layer, mi]) => ({ layer, x: place(now()), y: inUnit(mi) }));
  const move = () => moveMarks(chart, marks, points());
  return { chart, draw, move };
}

function captionOf({ lines, others }) {
  if (!lines.size) return "No estimate: the layers have no noise, or nothing else was measured.";
  if (together()) return `Lines: medians over ${chosenRuns().length} runs; bands: their quartiles.`;
  const drawn = [...new Set([...lines.values()].map((one) => METHODS[one.method] ?? one.method))];
  const further = [...new Set(others.map((one) => one.method))];
  return `Lines: method ${drawn.join(", ")}; bands: certified 95 % intervals (where thinner than the line, hover)`
    + "; dashed: a lower bound alone." + (further.length ? ` Crosses: ${further.join(", ")}.` : "") + " Click a point to go to its epoch.";
}

/** Band and line of one layer; where the upper end says nothing, the lower end as a dashed line. */
function ofOneRun(layer, rows, target) {
  const table = tables.mutual_information;
  const value = (name, row) => inUnit(table.value(name, row));
  const certain = (row) => !oneSided(row) && table.value("lower", row) !== null && table.value("upper", row) !== null;
  const common = { legendgroup: layer, line: { color: layerColour(layer), width: 1.8, dash: layerDash(layer) } };
  const bound = rows.map((row) => (oneSided(row) ? value("lower", row) : null));
  const status = rows.map((row) => table.value("status", row));
  const traces = [
    ...bandTraces(rows.map((row) => (certain(row) ? { x: place(table.value("epoch", row)), low: value("lower", row), high: value("upper", row) } : null)), layer, layerColour(layer)),
    {
      ...common, name: layerName(layer), mode: "lines+markers", x: rows.map((row) => place(table.value("epoch", row))),
      y: rows.map((row) => (oneSided(row) ? null : value("mi", row))), text: rows.map((row) => aboutRow(row, target)),
      hovertemplate: "%{text}<extra></extra>", customdata: rows.map((row) => table.value("epoch", row)),
      marker: { color: layerColour(layer), size: status.map((one) => (one === "ok" ? 3 : 5)), symbol: status.map((one) => STATUS_MARKS[one] ?? "x-thin-open") },
    },
  ];
  if (bound.some((one) => one !== null)) {
    traces.push({
      ...traces.at(-1), y: bound, name: `${layerName(layer)}, at least`, line: { ...common.line, dash: "dash", width: 1 },
      marker: { color: layerColour(layer), size: 6, symbol: "triangle-up-open" }, showlegend: bound.every((one) => one !== null),
    });
  }
  return traces;
}

/** A filled band through `points` {x, low, high}; null breaks it. */
function bandTraces(points, group, colour) {
  const pieces = [[]];
  for (const point of points) if (point) pieces.at(-1).push(point); else pieces.push([]);
  const x = [];
  const y = [];
  for (const piece of pieces.filter((one) => one.length > 1)) {
    const back = [...piece].reverse();
    x.push(...piece.map((one) => one.x), ...back.map((one) => one.x), null);
    y.push(...piece.map((one) => one.high), ...back.map((one) => one.low), null);
  }
  if (!x.length) return [];
  return [{ x, y, mode: "lines", fill: "toself", fillcolor: pale(colour, 0.25), line: { width: 0 }, hoverinfo: "skip", showlegend: false, legendgroup: group }];
}

function bandOfRuns(layer, rows, target, table = tables.mutual_information, column = "mi") {
  return bandLine(bands(table, rows, column).map((one) => ({ ...one, quartiles: one.quartiles.map(inUnit) })),
    { layer, name: layerName(layer), what: TARGETS[target] ?? target, unit: state.unit });
}

/** Median line and band of quartiles over runs. */
function bandLine(found, { layer, name, what, unit, colour = layerColour(layer), dash = layerDash(layer) }) {
  const points = found.map(({ epoch, quartiles: [low, , high] }) => ({ x: place(epoch), low, high }));
  return [...bandTraces(points, layer, colour), {
    name, legendgroup: layer, mode: "lines", x: points.map((one) => one.x), y: found.map((one) => one.quartiles[1]),
    customdata: found.map((one) => one.epoch), line: { color: colour, width: 1.8, dash },
    text: found.map((one) => `<b>${name}</b>, epoch ${one.epoch}<br>${what}: median ${shown(one.quartiles[1])} ${unit}<br>quartiles ${shown(one.quartiles[0])} to ${shown(one.quartiles[2])}, ${one.n} runs`),
    hovertemplate: "%{text}<extra></extra>",
  }];
}

function otherMethod({ layer, method, rows }, target) {
  const table = tables.mutual_information;
  const values = rows.filter((row) => table.value("mi", row) !== null);
  return {
    x: values.map((row) => place(table.value("epoch", row))), y: values.map((row) => inUnit(table.value("mi", row))), mode: "markers",
    text: values.map((row) => aboutRow(row, target)), hovertemplate: "%{text}<extra></extra>", showlegend: false, legendgroup: layer,
    name: `${layerName(layer)}, ${method}`, customdata: values.map((row) => table.value("epoch", row)),
    marker: { symbol: "x-thin-open", size: 7, color: layerColour(layer), line: { width: 1.5, color: layerColour(layer) } },
  };
}

/** The row of each layer's line at the chosen epoch, as far as it was measured then. */
function rowsNow({ lines }) {
  const table = tables.mutual_information;
  return [...lines].map(([layer, { rows }]) => [layer, rows.find((row) => table.value("epoch", row) === now())])
    .filter(([, row]) => row !== undefined);
}

/** Each layer's median over runs at the chosen epoch. */
function mediansNow({ lines }) {
  return [...lines].map(([layer, { rows }]) => {
    const here = bands(tables.mutual_information, rows, "mi").find((one) => one.epoch === now());
    return [layer, here ? here.quartiles[1] : null];
  }).filter(([, mi]) => mi !== null);
}

/** The marks of the chosen epoch at `points` {layer, x, y}, and colour where it is no layer's. */
function marksTrace(points) {
  const marker = { size: 11, line: { color: "#fff", width: 1.5 }, color: points.map((one) => one.colour ?? layerColour(one.layer)), symbol: points.map((one) => layerMark(one.layer)) };
  return { x: points.map((one) => one.x), y: points.map((one) => one.y), marker, mode: "markers", name: "this epoch", hoverinfo: "skip", showlegend: false };
}

/** Move the marks, which are trace number `trace`, and the line to the chosen epoch. */
function moveMarks(chart, trace, points) {
  const { x, y, marker } = marksTrace(points);
  return Plotly.update(chart, { x: [x], y: [y], marker: [marker] }, { "shapes[0].x0": place(now()), "shapes[0].x1": place(now()) }, [trace]);
}
