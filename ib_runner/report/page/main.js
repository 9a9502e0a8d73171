// Puts the page together and moves everything when the epoch changes.

const PER_SECOND = 6;

/** Panels of what was measured, in the order of the page. */
function makePanels() {
  const made = [];
  if (tables.mutual_information) made.push(informationPanel("x"), planePanel(), informationPanel("y"));
  if (tables.representation?.rows) made.push(scatterPanel());
  if (tables.binned_entropy && widthsOf(tables.binned_entropy.where({ unit: null })).length) made.push(binnedPanel());
  if (tables.training) {
    made.push(trainingPanel("loss", "Loss", ""));
    if (tables.training.distinct("accuracy").length) made.push(trainingPanel("accuracy", "Accuracy", "fraction"));
  }
  if (tables.distance_histogram?.rows) made.push(distancePanel());
  if (tables.activation_histogram?.rows) made.push(activationPanel());
  if (tables.density?.rows) made.push(densityPanel());
  if (tables.parameter?.rows) made.push(namedPanel("parameters", "Parameters over epochs", tables.parameter));
  if (tables.log?.rows) made.push(namedPanel("log", "What was logged", tables.log));
  if (page.sweep && tables.mutual_information && numericKeys().length) made.push(againstPanel(numericKeys()[0]));
  if (tables.mutual_information || tables.binned_entropy) made.push(valuesPanel());
  return made;
}

/** The epochs of the slider: those measured; of a run that is only trained, some of its own. */
function sliderEpochs() {
  const measured = ["mutual_information", "binned_entropy", "representation", "distance_histogram", "activation_histogram", "density", "parameter"]
    .flatMap((name) => tables[name]?.distinct("epoch") ?? []);
  if (measured.length) return [...new Set(measured)].sort((a, b) => a - b);
  const trained = tables.training?.distinct("epoch") ?? [0];
  const step = Math.ceil(trained.length / 200);
  return trained.filter((_, k) => k % step === 0 || k === trained.length - 1);
}

let panels = [];
const failed = (error) => { document.getElementById("now").textContent = `cannot be drawn: ${error.message}`; throw error; };

let rest = null;
/** Panels that have yet to be drawn with what is chosen now. */
const undrawn = new Set();
const pause = () => new Promise((resolve) => { setTimeout(resolve); });

/** Show the chosen epoch everywhere: what is in view at once, the rest when nothing moves on.
 *
 * The body's `data-settled` is the epoch that all of the page shows.
 */
async function moveAll() {
  sayEpoch();
  clearTimeout(rest);
  delete document.body.dataset.settled;
  const epoch = now();
  const drawn = panels.filter((one) => !undrawn.has(one));
  const later = drawn.filter((one) => !inView(one.chart));
  const atOnce = Promise.all(drawn.filter((one) => !later.includes(one)).map((one) => one.move()));
  rest = setTimeout(async () => {
    await Promise.all([atOnce, ...later.map((one) => one.move())]);
    while (undrawn.size) await pause();
    document.body.dataset.settled = epoch;
  }, 150);
  await atOnce;
}

function sayEpoch() {
  const slider = document.getElementById("epoch");
  slider.value = state.at;
  slider.setAttribute("aria-valuetext", `epoch ${now()}`);
  document.getElementById("now").textContent = `epoch ${now()} of ${lastEpoch()}`;
}

function inView(part) {
  const { top, bottom } = part.getBoundingClientRect();
  return bottom > 0 && top < window.innerHeight;
}

function draw(one) {
  undrawn.delete(one);
  one.draw();
  if (!one.chart.on || one.chart.dataset.listens) return;
  one.chart.dataset.listens = "clicks";
  one.chart.on("plotly_click", ({ points: [point] }) => { if (Number.isInteger(point.customdata)) goToEpoch(point.customdata); });
}

const idle = window.requestIdleCallback ?? ((work) => setTimeout(work, 20));

/** Draw what is in view, then, whenever there is nothing else to do, the rest, in the end in 3-D. */
async function drawAll() {
  sayEpoch();
  delete document.body.dataset.complete;
  for (const one of panels) undrawn.add(one);
  for (const one of panels.filter((each) => inView(each.chart))) {
    if (undrawn.has(one)) draw(one);
    await pause();
  }
  const next = async () => {
    const [one] = undrawn;
    if (one) draw(one);
    if (undrawn.size) return idle(next, { timeout: 300 });
    await panels.find((each) => each.deepen)?.deepen();
    document.body.dataset.complete = Math.round(performance.now());
    return null;
  };
  idle(next, { timeout: 300 });
}

/** Go to the `at`-th epoch of the slider. */
function goTo(at) {
  state.at = Math.max(0, Math.min(state.epochs.length - 1, at));
  return moveAll();
}

/** Go to the slider's epoch that is nearest to `epoch`. */
function goToEpoch(epoch) {
  const distances = state.epochs.map((one) => Math.abs(one - epoch));
  return goTo(distances.indexOf(Math.min(...distances)));
}

let playing = null;
function play(on) {
  const button = document.getElementById("play");
  button.textContent = on ? "❚❚ Pause" : "▶ Play";
  button.setAttribute("aria-pressed", String(on));
  clearTimeout(playing);
  playing = null;
  if (!on) return;
  if (state.at === state.epochs.length - 1) state.at = -1;
  const step = async () => {
    const began = performance.now();
    await goTo(state.at + 1);
    if (playing === null) return;
    if (state.at === state.epochs.length - 1) play(false);
    else playing = setTimeout(step, Math.max(0, 1000 / PER_SECOND - (performance.now() - began)));
  };
  playing = setTimeout(step, 0);
}

/** A choice among `values`; `null` among them is all. */
function choice(id, label, values, current, onChange, name = String) {
  if (values.length < 2) return;
  const select = element("select", { id }, ...values.map((value, k) => element("option", { value: k, selected: value === current }, name(value))));
  select.addEventListener("change", () => { onChange(values[Number(select.value)]); drawAll(); });
  document.getElementById("choices").append(element("label", {}, `${label} `, select));
}

function makeChoices() {
  for (const key of sweptKeys()) {
    const values = runsTable().distinct(key);
    state.values[key] = values[0];
    choice(`choose-${key}`, key, values, values[0], (value) => { state.values[key] = value; });
  }
  if (page.keys.includes("seed")) choice("choose-seed", "seed", [null, ...runsTable().distinct("seed")], null, (value) => { state.seed = value; }, (value) => (value === null ? "all: median" : value));
  const layers = [...new Set(["representation", "distance_histogram", "activation_histogram"].flatMap((name) => tables[name]?.distinct("layer") ?? []))].sort((a, b) => a - b);
  state.layer = tables.representation?.rows ? layerOf(tables.representation) : layers.at(-1) ?? null;
  choice("choose-layer", "layer", layers, state.layer, (value) => { state.layer = value; }, layerName);
  if (tables.binned_entropy && !page.sweep) {
    const widths = widthsOf(tables.binned_entropy.where({ unit: null }));
    state.width = widths[0];
    choice("choose-width", "bins", widths, state.width, (value) => { state.width = value; }, shown);
  }
  if (tables.mutual_information && !page.sweep) {
    const betas = tables.mutual_information.distinct("beta", tables.mutual_information.where({ layer: tables.mutual_information.distinct("layer").at(-1) }));
    if (betas.length > 1) choice("choose-beta", "β", [null, ...betas], null, (value) => { state.beta = value; }, (value) => (value === null ? "as trained" : shown(value)));
  }
  choice("choose-unit", "in", ["nats", "bits"], "nats", (value) => { state.unit = value; });
  choice("choose-axis", "epochs", ["log", "linear"], "log", (value) => { state.axis = value; });
}

function head() {
  const facts = page.facts;
  document.getElementById("title").textContent = `${facts.experiment ?? "run"} · ${page.name}`;
  const parts = [];
  if (page.sweep) parts.push(`sweep of ${runsTable()?.distinct("run").filter((run) => !run.startsWith("all")).length ?? 0} runs over ${page.keys.join(", ")}`);
  else parts.push(`seed ${facts.seed}`, facts.state);
  for (const target of ["x", "y"]) if (entropyOf(target) !== null) parts.push(`H(${target.toUpperCase()}) = ${shown(entropyOf(target))} nats`);
  if (!page.sweep && tables.training) {
    const rows = tables.training.where({ split: "test", epoch: lastEpoch() });
    const accuracy = rows.length ? tables.training.value("accuracy", rows[0]) : null;
    if (accuracy !== null) parts.push(`test accuracy ${(100 * accuracy).toFixed(2)} % after ${lastEpoch()} epochs`);
  }
  document.getElementById("summary").textContent = parts.filter(Boolean).join(" · ");
}

/** Keys anywhere on the page: space plays, arrows go through the epochs. */
function onKey(event) {
  if (event.ctrlKey || event.altKey || event.metaKey || event.target.closest("select, button, a, input, summary")) return;
  const steps = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };
  if (event.key === " ") play(playing === null);
  else if (event.key in steps) goTo(state.at + steps[event.key]);
  else return;
  event.preventDefault();
}

async function begin() {
  const unpackedTables = Object.entries(page.tables).map(async ([name, made], k) => {
    tables[name] = new Table(name, made, await unpacked(document.getElementById(`table-${k}`).textContent));
  });
  await Promise.all([...unpackedTables, runLibrary("library")]);
  state.epochs = sliderEpochs();
  state.at = state.epochs.length - 1;
  const slider = document.getElementById("epoch");
  slider.max = state.epochs.length - 1;
  makeChoices();
  head();
  panels = makePanels();
  if (tables.findings?.rows) findingsSection();
  foot();
  await drawAll();
  slider.addEventListener("input", () => goTo(Number(slider.value)));
  document.getElementById("play").addEventListener("click", () => play(playing === null));
  document.addEventListener("keydown", onKey);
  window.addEventListener("beforeprint", () => undrawn.forEach(draw));
  document.body.dataset.drawn = Math.round(performance.now());
}

begin().catch(failed);
