// A sweep's own: information against a swept value at the chosen epoch, for each layer.

/** The swept keys but the seed whose values are numbers, at least two of them. */
function numericKeys() {
  const table = runsTable();
  return sweptKeys().filter((key) => {
    const values = table.distinct(key);
    return values.length > 1 && values.every((one) => typeof one === "number");
  });
}

function againstPanel(key) {
  const table = tables.mutual_information;
  const { chart, caption } = panel("against", `I(X;T) against ${key}, at the chosen epoch`);
  const values = runsTable().distinct(key);
  const even = values[0] > 0 && values.at(-1) / values[0] >= 8;
  const traces = () => {
    const others = Object.fromEntries(Object.entries(state.values).filter(([name]) => name !== key));
    const rows = table.where({ ...others, target: "x", epoch: now(), method: methodsWithIntervals(table) });
    return [...table.groups("layer", rows)].map(([layer, those]) => {
      const points = [...table.groups(key, those)].map(([value, ofValue]) => {
        const numbers = ofValue.map((row) => table.value("mi", row)).filter((one) => one !== null);
        return { value, n: numbers.length, quartiles: numbers.length ? quartiles(numbers).map(inUnit) : null };
      }).filter((one) => one.quartiles);
      return {
        name: layerName(layer), mode: "lines+markers", x: points.map((one) => one.value), y: points.map((one) => one.quartiles[1]),
        error_y: { type: "data", symmetric: false, array: points.map((one) => one.quartiles[2] - one.quartiles[1]), arrayminus: points.map((one) => one.quartiles[1] - one.quartiles[0]), thickness: 1.2, width: 4 },
        line: { color: layerColour(layer), dash: layerDash(layer) }, marker: { symbol: layerMark(layer), size: 8, color: layerColour(layer) },
        text: points.map((one) => `<b>${layerName(layer)}</b>, ${plain(key)} = ${one.value}<br>median ${shown(one.quartiles[1])} ${state.unit}, quartiles ${shown(one.quartiles[0])} to ${shown(one.quartiles[2])}, ${one.n} runs`),
        hovertemplate: "%{text}<extra></extra>",
      };
    });
  };
  const axes = () => layout({ title: { text: key }, type: even ? "log" : "linear", tickvals: values.length <= 12 ? values : undefined, ticktext: values.length <= 12 ? values.map(String) : undefined }, { title: { text: `I(X;T) [${state.unit}]` }, rangemode: "tozero" });
  const move = () => {
    caption.textContent = `Epoch ${now()}: medians over seeds; bars are quartiles.`;
    return Plotly.react(chart, traces(), axes(), CONFIG);
  };
  return { chart, draw: move, move };
}

/** Of a sweep the methods whose rows have intervals. */
function methodsWithIntervals(table) {
  return [...table.groups("method", table.where({ target: "x" }))]
    .filter(([, rows]) => rows.some((row) => table.value("lower", row) !== null)).map(([method]) => method);
}
