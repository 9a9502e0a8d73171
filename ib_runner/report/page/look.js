// How all charts look: colours for everyone, the epoch axis, numbers, and elements of the page.

// Okabe & Ito's colours, told apart with any colour vision; marks tell layers apart without any
const PALETTE = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"];
const MARKS = ["circle", "square", "diamond", "triangle-up", "cross", "star", "triangle-down", "pentagon"];
const DASHES = ["solid", "dash", "dot", "dashdot"];
const CLASSES = ["#222222", "#56B4E9", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#0072B2", "#8C564B", "#7F7F00", "#999999"];
const GREY = "#57606a";

const layerColour = (layer) => PALETTE[Math.max(0, layer - 1) % PALETTE.length];
const layerMark = (layer) => MARKS[Math.max(0, layer - 1) % MARKS.length];
const layerDash = (layer) => DASHES[Math.floor(Math.max(0, layer - 1) / PALETTE.length) % DASHES.length];
const layerName = (layer) => (layer === 0 ? "input" : `layer ${layer}`);

const pale = (hex, alpha) => `rgba(${[1, 3, 5].map((k) => parseInt(hex.slice(k, k + 2), 16)).join(",")},${alpha})`;

/** Text for plotly, which reads some HTML. */
const plain = (text) => String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;");

/** A number for reading: 5 digits. */
function shown(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  return String(Number(Number(value).toPrecision(5)));
}

/** Nats in the chosen unit; null stays null. */
const inUnit = (nats) => (nats === null || nats === undefined ? null : state.unit === "bits" ? nats / Math.LN2 : nats);

/** Where `epoch` lies on the epoch axis; a logarithmic one has a place for epoch 0. */
const place = (epoch) => (state.axis === "log" ? Math.log10(1 + epoch) : epoch);

function epochAxis(last) {
  const axis = { title: { text: "epoch" }, zeroline: false, showgrid: true, gridcolor: "#eaeef2", range: padded(0, place(last)) };
  if (state.axis !== "log") return axis;
  const ticks = [0];
  for (let decade = 1; decade <= last; decade *= 10) {
    for (const factor of last < 30 ? [1, 2, 5] : [1]) if (decade * factor <= last) ticks.push(decade * factor);
  }
  return { ...axis, tickvals: ticks.map(place), ticktext: ticks.map((one) => one.toLocaleString("en")) };
}

const padded = (low, high) => { const room = 0.03 * (high - low || 1); return [low - room, high + room]; };

/** plotly's layout of a chart with these axes. */
function layout(x, y, more = {}) {
  return {
    margin: { l: 58, r: 12, t: 8, b: 42 }, hovermode: "closest", showlegend: true,
    legend: { orientation: "h", itemsizing: "constant", y: 1.02, yanchor: "bottom", x: 0, font: { size: 11 } },
    font: { family: "system-ui, sans-serif", size: 12, color: "#1b1f23" },
    paper_bgcolor: "#fff", plot_bgcolor: "#fff", hoverlabel: { align: "left" },
    xaxis: { zeroline: false, gridcolor: "#eaeef2", ...x }, yaxis: { zeroline: false, gridcolor: "#eaeef2", ...y }, ...more,
  };
}

const CONFIG = { displaylogo: false, responsive: true, modeBarButtonsToRemove: ["select2d", "lasso2d"],
  toImageButtonOptions: { format: "svg" } };

/** The line that stands at the chosen epoch. */
const epochLine = () => ({ type: "line", xref: "x", yref: "paper", x0: place(now()), x1: place(now()), y0: 0, y1: 1,
  line: { color: GREY, width: 1, dash: "dot" } });

/** An element `<name>` with properties and children, texts as texts. */
function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children.filter((one) => one !== null));
  return made;
}

/** A figure of the page: its title, the chart and what is said below. */
function panel(id, title) {
  const chart = element("div", { className: "chart", id: `${id}-chart` });
  const caption = element("figcaption");
  const figure = element("figure", { id }, element("h2", { id: `${id}-title` }, title), chart, caption);
  chart.setAttribute("role", "img");
  chart.setAttribute("aria-labelledby", `${id}-title`);
  document.getElementById("panels").append(figure);
  return { figure, chart, caption };
}
