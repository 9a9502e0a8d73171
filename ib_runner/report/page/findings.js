// What the run was held against: verdicts with their reasons.

const VERDICTS = { yes: "✓ holds", no: "✗ does not hold", undecided: "? undecided" };

/** Verdicts first; what cannot be told yet is folded away. */
function findingsSection() {
  const table = tables.findings;
  const all = [...Array(table.rows).keys()];
  const overRuns = page.sweep ? all.filter((row) => String(table.value("run", row)).startsWith("all")) : all;
  const tally = Object.keys(VERDICTS).map((verdict) => `${overRuns.filter((row) => table.value("holds", row) === verdict).length} ${VERDICTS[verdict].slice(2)}`);
  const section = element("section", { className: "wide", id: "findings" }, element("h2", {}, page.sweep ? "Findings over the runs" : "Findings"), element("p", { className: "note" }, tally.join(", ")));
  const isOpen = (row) => (table.value("holds", row) ?? "undecided") === "undecided";
  const [told, open] = [overRuns.filter((row) => !isOpen(row)), overRuns.filter(isOpen)];
  if (told.length) section.append(findingsTable(table, told, page.sweep));
  if (open.length) section.append(element("details", {}, element("summary", {}, `${open.length} undecided`), findingsTable(table, open, page.sweep)));
  if (page.sweep) {
    for (const [run, rows] of table.groups("run", all.filter((row) => !overRuns.includes(row)))) {
      section.append(element("details", {}, element("summary", {}, `Findings of run ${run}`), findingsTable(table, rows, false)));
    }
  }
  document.getElementById("panels").append(section);
}

function findingsTable(table, rows, withRun) {
  const names = [...(withRun ? ["runs"] : []), "finding", "verdict", "expected", "measured", "why"];
  const head = element("thead", {}, element("tr", {}, ...names.map((name) => element("th", { scope: "col" }, name))));
  const body = rows.map((row) => {
    const verdict = table.value("holds", row) ?? "undecided";
    const text = (name) => element("td", {}, String(table.value(name, row) ?? ""));
    return element("tr", {}, ...(withRun ? [text("run")] : []), element("th", { scope: "row" }, String(table.value("finding", row)).replaceAll("_", " ")),
      element("td", { className: `verdict ${verdict}` }, VERDICTS[verdict] ?? verdict), text("expected"), text("measured"), text("why"));
  });
  return element("table", {}, head, element("tbody", {}, ...body));
}
