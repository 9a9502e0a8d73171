// The foot: every table as CSV, what made the run, its settings.

function foot() {
  const facts = page.facts;
  const made = {
    [page.sweep ? "sweep" : "run"]: page.path, experiment: facts.experiment, seed: page.sweep ? null : facts.seed, "swept": page.keys.join(", ") || null,
    state: page.sweep ? null : facts.state, started: facts.started, finished: facts.finished, machine: [facts.host, facts.platform, facts.threads && `${facts.threads} threads`, facts.device].filter(Boolean).join(", "),
    revision: facts.git?.revision ? `${facts.git.revision}${facts.git.dirty ? " (with changes)" : ""}` : null,
    versions: Object.entries(facts.packages ?? {}).map(([name, version]) => `${name} ${version}`).join(", "), data: facts.data_fingerprint,
  };
  const list = element("dl");
  for (const [name, value] of Object.entries(made)) {
    if (value !== null && value !== undefined && value !== "") list.append(element("dt", {}, name), element("dd", {}, String(value)));
  }
  const note = page.sweep ? element("p", { className: "note" }, "Versions, machine and settings are those of the sweep's first run.") : null;
  document.getElementById("foot").append(
    element("section", { id: "tables" }, element("h2", {}, "Tables"), downloads()),
    element("section", { id: "made" }, element("h2", {}, "What made it"), list, ...(note ? [note] : []), element("details", {}, element("summary", {}, "Settings (config.yaml)"), element("pre", {}, page.settings))),
  );
}

function downloads() {
  const rows = Object.values(tables).map((table) => {
    const { rows: all, note } = page.notes[table.name];
    const button = element("button", { type: "button", className: "download" }, "CSV");
    button.setAttribute("aria-label", `Download ${table.name} as CSV`);
    button.addEventListener("click", () => download(table));
    const units = [...table.columns.values()].map((column) => column.name + (column.unit ? ` [${column.unit}]` : "")).join(", ");
    const size = table.rows === all && !note ? `${all} rows` : `${table.rows} of ${all} rows (${note}; \`ib-run export\` writes all)`;
    return element("tr", {}, element("th", { scope: "row" }, table.name), element("td", {}, size), element("td", {}, units), element("td", {}, button));
  });
  return element("table", {}, element("tbody", {}, ...rows));
}

function download(table) {
  const address = URL.createObjectURL(new Blob([table.csv()], { type: "text/csv" }));
  const link = element("a", { href: address, download: `${table.name}.csv` });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}
