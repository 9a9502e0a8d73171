// The chosen epoch in numbers: a table for reading, copying and screen readers.

function valuesPanel() {
  const title = element("h2", { id: "values-title" }, "This epoch in numbers");
  const body = element("tbody");
  const head = element("tr");
  const table = element("table", { id: "values" }, element("thead", {}, head), body);
  table.setAttribute("aria-labelledby", "values-title");
  document.getElementById("panels").append(element("section", { className: "wide", id: "values-section" }, title, table));
  let information = {};
  const draw = () => {
    information = tables.mutual_information ? { x: linesAndOthers("x"), y: linesAndOthers("y") } : {};
    const names = ["layer", "units"];
    for (const target of Object.keys(information)) names.push(`${TARGETS[target]} [${state.unit}]`, together() ? "quartiles over runs" : "95 % interval", ...(together() ? [] : ["status"]));
    if (tables.binned_entropy) names.push(`H(Bin(T)) [${state.unit}]`);
    head.replaceChildren(...names.map((name, k) => element("th", { scope: "col", className: /\[/.test(name) || k === 1 ? "number" : "" }, name)));
    move();
  };
  const move = () => {
    const layers = new Set([...(information.x ? information.x.lines.keys() : []), ...(tables.binned_entropy ? tables.binned_entropy.distinct("layer") : [])]);
    title.textContent = `Epoch ${now()} in numbers`;
    body.replaceChildren(...[...layers].sort((a, b) => a - b).map((layer) => element("tr", {}, ...cells(layer))));
  };

  function cells(layer) {
    const key = element("span", { className: "key", style: `background:${layerColour(layer)}` });
    const found = [element("th", { scope: "row" }, key, layerName(layer)), number(unitsOf(layer))];
    for (const target of Object.keys(information)) found.push(...informationCells(layer, target));
    if (tables.binned_entropy) {
      const rows = chosen(tables.binned_entropy, { layer, unit: null, bin_width: widthNow() });
      found.push(number(shown(inUnit(valueNow(tables.binned_entropy, rows, "entropy")))));
    }
    return found;
  }

  function informationCells(layer, target) {
    const rows = information[target].lines.get(layer)?.rows ?? [];
    const table = tables.mutual_information;
    if (together()) {
      const here = bands(table, rows, "mi").find((one) => one.epoch === now());
      const [low, median, high] = here ? here.quartiles.map((one) => shown(inUnit(one))) : ["–", "–", "–"];
      return [number(median), element("td", {}, here ? `${low} to ${high}` : "–")];
    }
    const row = rows.find((one) => table.value("epoch", one) === now());
    if (row === undefined) return [number("–"), element("td", {}, "not measured"), element("td")];
    const status = table.value("status", row);
    return [number(shown(inUnit(table.value("mi", row)))), element("td", {}, table.value("lower", row) === null ? "–" : interval(row)), element("td", { title: page.statuses[status] ?? "" }, status)];
  }

  const number = (text) => element("td", { className: "number" }, text);

  function unitsOf(layer) {
    const rows = tables.mutual_information ? tables.mutual_information.where({ layer }) : [];
    return rows.length ? String(tables.mutual_information.value("dim", rows[0])) : "–";
  }
  return { chart: table, draw, move };
}
