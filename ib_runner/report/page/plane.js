// The information plane: I(Y;T_l) against I(X;T_l), a path for each layer.

function planePanel() {
  const { chart, caption } = panel("plane", "Information plane");
  const table = tables.mutual_information;
  let paths = new Map();
  let marks = -1;
  const at = (name, row) => inUnit(table.value(name, row));
  const draw = () => {
    paths = pathsOfLayers();
    const traces = [...paths].map(([layer, points]) => ({
      x: points.map((one) => one.x), y: points.map((one) => one.y), name: layerName(layer), mode: "lines+markers",
      line: { color: pale(layerColour(layer), 0.6), width: 1.3, dash: layerDash(layer) }, marker: { size: points.map((one) => (one.symbol ? 7 : 4)), symbol: points.map((one) => one.symbol ?? "circle"), color: layerColour(layer) },
      customdata: points.map((one) => one.epoch), hovertemplate: "%{text}<extra></extra>",
      text: points.map((one) => one.text),
    }));
    marks = traces.push(marksNow()) - 1;
    const lowest = { rangemode: "normal" };
    Plotly.react(chart, traces, layout({ title: { text: `I(X;T) [${state.unit}]` }, ...lowest }, { title: { text: `I(Y;T) [${state.unit}]` }, ...lowest }, { uirevision: state.unit }), CONFIG);
    caption.textContent = paths.size
      ? (together() ? `Medians over ${chosenRuns().length} runs.` : "The mark is the chosen epoch; its bars are the certified intervals.")
        + ([...paths.values()].flat().some((one) => one.symbol) ? " Triangles: lower bounds alone, the value is where they point." : "")
      : "I(X;T) and I(Y;T) were not measured together.";
  };
  const marksNow = () => {
    const points = [...paths].flatMap(([layer, path]) => path.filter((one) => one.epoch === now()).map((one) => ({ layer, ...one })));
    const bars = (axis) => ({ type: "data", symmetric: false, thickness: 1.2, width: 3, color: GREY,
      array: points.map((one) => (one[axis] ? one[axis].high : 0)), arrayminus: points.map((one) => (one[axis] ? one[axis].low : 0)) });
    return { ...marksTrace(points), error_x: bars("acrossX"), error_y: bars("acrossY") };
  };
  const move = () => {
    const { x, y, marker, error_x: acrossX, error_y: acrossY } = marksNow();
    return Plotly.restyle(chart, { x: [x], y: [y], marker: [marker], error_x: [acrossX], error_y: [acrossY] }, [marks]);
  };

  /** By layer the points {epoch, x, y, acrossX, acrossY} of epochs that have both. */
  function pathsOfLayers() {
    const [x, y] = ["x", "y"].map((target) => linesAndOthers(target).lines);
    const found = new Map();
    for (const [layer, { rows }] of x) {
      if (!y.has(layer)) continue;
      const points = together() ? medians(rows, y.get(layer).rows) : pointsOfRun(rows, y.get(layer).rows);
      if (points.length) found.set(layer, points.map((one) => ({ ...one, text: `<b>${layerName(layer)}</b>, ${one.text}` })));
    }
    return found;
  }

  function pointsOfRun(x, y) {
    const byEpoch = new Map(y.map((row) => [table.value("epoch", row), row]));
    return x.filter((row) => byEpoch.has(table.value("epoch", row))).map((row) => {
      const other = byEpoch.get(table.value("epoch", row));
      return {
        epoch: table.value("epoch", row), x: known(row), y: known(other), acrossX: ends(row), acrossY: ends(other),
        symbol: symbol(oneSided(row), oneSided(other)),
        text: `epoch ${table.value("epoch", row)}<br>I(X;T) ${inWords(row)}<br>I(Y;T) ${inWords(other)} ${state.unit}`,
      };
    }).filter((one) => one.x !== null && one.y !== null);
  }

  /** The value of a row, of a bound alone the lower end. */
  const known = (row) => at(oneSided(row) ? "lower" : "mi", row);
  const inWords = (row) => (oneSided(row) ? interval(row) : `= ${shown(at("mi", row))}, ${interval(row)}`);
  /** A triangle that points to where the value is, of lower bounds alone of X, Y or both. */
  function symbol(ofX, ofY) {
    if (ofX && ofY) return "triangle-ne";
    return ofX ? "triangle-right" : ofY ? "triangle-up" : null;
  }

  function medians(x, y) {
    const byEpoch = new Map(bands(table, y, "mi").map((one) => [one.epoch, inUnit(one.quartiles[1])]));
    return bands(table, x, "mi").filter((one) => byEpoch.has(one.epoch)).map((one) => ({
      epoch: one.epoch, x: inUnit(one.quartiles[1]), y: byEpoch.get(one.epoch),
      text: `epoch ${one.epoch}<br>median I(X;T) = ${shown(inUnit(one.quartiles[1]))}<br>median I(Y;T) = ${shown(byEpoch.get(one.epoch))} ${state.unit}`,
    }));
  }

  const ends = (row) => (table.value("lower", row) === null || oneSided(row) ? null
    : { low: at("mi", row) - at("lower", row), high: at("upper", row) - at("mi", row) });
  return { chart, draw, move };
}
