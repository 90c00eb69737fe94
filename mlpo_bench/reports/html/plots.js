// The plots. Plotly is unpacked when the first of them comes near the screen.

const COST_TITLES = {
  tokens: "tokens a question", calls: "calls a question", seconds: "seconds a question, longest chain",
  operations: "floating-point operations a question", price: "price a question",
  steps: "steps a question, longest chain", serial_tokens: "tokens written one after the other, a question",
};
const KINDS = {
  vote: {name: "solo and votes", symbol: "square", colour: "--vote"},
  leader: {name: "led teams", symbol: "circle", colour: "--leader"},
  other: {name: "other protocols", symbol: "diamond", colour: "--other"},
  oracle: {name: "oracle", symbol: "triangle-up", colour: "--oracle"},
};
const SERIES_COLOURS = ["--leader", "--vote", "--other", "--fourth", "--fifth", "--sixth", "--oracle"];
const SYMBOLS = ["circle", "square", "diamond", "triangle-up", "cross", "x", "star"];
const DASHES = ["solid", "dash", "dot", "dashdot"];

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
// Plotly reads a little markup in its texts; names are to be names.
const safe = (text) => shown(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
const narrow = () => innerWidth < 700;

function wrapped(name, width = narrow() ? 20 : 48) {
  const lines = [""];
  for (const word of shown(name).split(" ")) {
    if (lines.at(-1) && lines.at(-1).length + word.length >= width) lines.push("");
    lines[lines.length - 1] += (lines.at(-1) ? " " : "") + word;
  }
  return lines.map(safe).join("<br>");
}

function layout(more) {
  const text = colour("--text"), grid = colour("--grid"), line = colour("--line");
  const axis = {gridcolor: grid, linecolor: line, zerolinecolor: line, tickcolor: line, automargin: true, title: {standoff: 12}};
  const {xaxis, yaxis, legend, ...rest} = more;
  return {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: {family: getComputedStyle(document.body).fontFamily, size: 12, color: text},
    margin: {l: 8, r: 12, t: 28, b: 8}, hovermode: "closest",
    hoverlabel: {bgcolor: colour("--panel"), bordercolor: line, font: {color: text, size: 12}, align: "left"},
    legend: {orientation: "h", x: 0, y: 1.02, yanchor: "bottom", xanchor: "left", ...legend},
    xaxis: {...axis, ...xaxis, title: {...axis.title, ...xaxis?.title}}, yaxis: {...axis, ...yaxis, title: {...axis.title, ...yaxis?.title}}, ...rest,
  };
}

const near = new Set();
const drawings = new Map();

/** Draw a plot when it comes near the screen, and from then on whenever something changes. */
function plotWhenNear(id, draw) {
  drawings.set(id, draw);
  new IntersectionObserver((entries, observer) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    observer.disconnect();
    near.add(id);
    redraw(id);
  }, {rootMargin: "300px"}).observe($(id));
}

const waiting = new Set();
let drawing = Promise.resolve();

/** Wait until the browser has nothing better to do: plots take a while, and somebody may be reading already. */
const idle = () => new Promise((go) => { if (window.requestIdleCallback) requestIdleCallback(go, {timeout: 2000}); else setTimeout(go); });

/** Load Plotly, which holds everything else up for a moment, when the table has stood for one. */
const plotly = () => (window.Plotly ? null : new Promise((go) => { setTimeout(go, 400); }).then(idle).then(() => library("plotly")));

/** Have a plot drawn, one at a time. */
function redraw(id) {
  if (!near.has(id) || waiting.has(id)) return;
  waiting.add(id);
  drawing = drawing.then(plotly).then(idle).then(() => drawPlot(id)).catch(reportError);
}

async function drawPlot(id) {
  waiting.delete(id);
  const plot = drawings.get(id)();
  $(id).hidden = !plot;
  if (!plot) return;
  $(id).setAttribute("aria-label", plot.label);
  const paper = printing.width ? {width: printing.width} : {};
  await Plotly.react($(id), plot.traces, {...layout(plot.layout), ...paper}, {displayModeBar: false, responsive: true});
}

const PAPER_WIDTH = 680, LOADED_AFTER_MS = 3000;
const printing = {width: null, theme: null};

/** Draw every plot as wide as paper and on light ground; what nobody came near is drawn for the first time. */
async function readyForPaper() {
  printing.theme ??= document.documentElement.dataset.theme;
  printing.width = PAPER_WIDTH;
  document.documentElement.dataset.theme = "light";
  await Promise.all([...drawings.keys()].map((id) => { near.add(id); return drawPlot(id); }));
}

function startPrinting() {
  $("print").addEventListener("click", async () => { await library("plotly"); await readyForPaper(); print(); });
  // The browser's own way to print waits for nothing: what Plotly draws at once is there, if it was loaded, which it is
  // once the page has stood for a while, plots in sight or not.
  setTimeout(() => { drawing = drawing.then(plotly).catch(reportError); }, LOADED_AFTER_MS);
  addEventListener("beforeprint", () => { if (window.Plotly) readyForPaper().catch(reportError); });
  addEventListener("afterprint", () => {
    document.documentElement.dataset.theme = printing.theme ?? document.documentElement.dataset.theme;
    Object.assign(printing, {width: null, theme: null});
    redrawAll();
  });
}

const redrawAll = () => drawings.forEach((_, id) => redraw(id));

const told = (row) => `<b>${wrapped(rowName(row), 40)}</b><br>accuracy ${figure(row.value)} (${figure(row.low)} to ${figure(row.high)})`;
const bars = (rows, ink) => ({
  type: "data", symmetric: false, array: rows.map((row) => row.high - row.value),
  arrayminus: rows.map((row) => row.value - row.low), thickness: 1, width: 0, color: ink,
});

/** Return where a log axis is marked: at 1, 2 and 5 times the powers of ten. */
function ticks(values) {
  const lowest = Math.floor(Math.log10(Math.min(...values))), highest = Math.ceil(Math.log10(Math.max(...values)));
  const places = Array.from({length: highest - lowest + 1}, (_, place) => 10 ** (lowest + place));
  const tickvals = places.flatMap((place) => [place, 2 * place, 5 * place]);
  return {tickvals, ticktext: tickvals.map((value) => (value >= 1e6 ? large(value) : short(value)))};
}

function frontierPlot() {
  const cost = $("frontier-cost").value, log = $("frontier-log").checked;
  const rows = rowsHere().filter((row) => row[cost] > 0);
  const traces = Object.entries(KINDS).map(([kind, {name, symbol, colour: ink}]) => {
    const here = rows.filter((row) => row.kind === kind);
    return {
      name, x: here.map((row) => row[cost]), y: here.map((row) => row.value), mode: "markers", type: "scatter",
      marker: {
        symbol: here.map((row) => (row.beaten[cost] ? `${symbol}-open` : symbol)), size: 10, color: colour(ink),
        line: {width: 1.5, color: colour(ink)},
      },
      error_y: bars(here, colour(`${ink}-faint`)), hoverinfo: "text",
      hovertext: here.map((row) => `${told(row)}<br>${short(row[cost])} ${COST_TITLES[cost]}<br>${["on the frontier", "beaten", "surely beaten"][row.beaten[cost]]}`),
    };
  }).filter((trace) => trace.x.length);
  const best = rows.filter((row) => !row.beaten[cost] && row.kind !== "oracle").sort((a, b) => a[cost] - b[cost]);
  // Means over other suites are no rivals: each set of suites has a frontier of its own.
  const lines = [...new Set(best.map((row) => String(row.suites)))].map((suites, place) => {
    const on = best.filter((row) => String(row.suites) === suites);
    return {
      x: on.map((row) => row[cost]), y: on.map((row) => row.value), mode: "lines", type: "scatter", hoverinfo: "skip",
      line: {shape: "hv", width: 1.5, color: colour("--muted"), dash: "dot"}, name: "frontier", legendgroup: "frontier", showlegend: !place,
    };
  });
  const highest = best.toSorted((a, b) => a.value - b.value).at(-1);
  return {
    traces: [...lines, ...traces], label: `Accuracy against ${COST_TITLES[cost]}: ${best.length} of ${rows.length} rows are on the frontier, the most accurate of them ${highest?.name ?? "none"}.`,
    layout: {
      xaxis: {title: {text: COST_TITLES[cost], standoff: 12}, type: log ? "log" : "linear", showline: true, ...(log && rows.length ? ticks(rows.map((row) => row[cost])) : {})},
      yaxis: {title: {text: "accuracy"}, tickformat: ".2f"},
    },
  };
}

/** Lines over one axis: rows that differ in nothing else, under a name for each line. */
function linesOver(axis, nameOf, title) {
  const lines = Map.groupBy ? Map.groupBy : (rows, key) => rows.reduce((found, row) => found.set(key(row), [...(found.get(key(row)) ?? []), row]), new Map());
  const rows = rowsHere().filter((row) => row.series && row[axis] !== null);
  const grouped = [...lines(rows, nameOf)].filter(([, held]) => new Set(held.map((row) => row[axis])).size > 1);
  if (!grouped.length) return null;
  const traces = grouped.map(([name, held], place) => {
    const ordered = held.toSorted((a, b) => a[axis] - b[axis]), ink = colour(SERIES_COLOURS[place % SERIES_COLOURS.length]);
    const shift = 0.05 * (place - (grouped.length - 1) / 2);
    return {
      name: safe(name), x: ordered.map((row) => row[axis] + shift), y: ordered.map((row) => row.value), mode: "lines+markers", type: "scatter",
      line: {color: ink, width: 1.5, dash: DASHES[Math.floor(place / SERIES_COLOURS.length) % DASHES.length]},
      marker: {size: 8, color: ink, symbol: SYMBOLS[place % SYMBOLS.length]}, error_y: bars(ordered, `${ink}66`),
      hoverinfo: "text", hovertext: ordered.map(told),
    };
  });
  const solo = rowsHere().find((row) => row.name === "solo");
  const shapes = solo ? [{type: "line", xref: "paper", x0: 0, x1: 1, y0: solo.value, y1: solo.value, line: {color: colour("--muted"), dash: "dot", width: 1.5}}] : [];
  const annotations = solo ? [{xref: "paper", x: 1, xanchor: "right", y: solo.value, yanchor: "bottom", text: "solo", showarrow: false, font: {color: colour("--muted")}}] : [];
  return {
    traces, label: `Accuracy by ${title}: ${grouped.length} lines.`,
    layout: {
      shapes, annotations, showlegend: true,
      xaxis: {title: {text: title, standoff: 12}, tickvals: [...new Set(rows.map((row) => row[axis]))].sort((a, b) => a - b), showline: true},
      yaxis: {title: {text: "accuracy"}, tickformat: ".2f"},
    },
  };
}

const roundsPlot = () => linesOver("depth", (row) => `${row.series}${row.peers ? `, K = ${row.peers}` : ""}`, "rounds T");
const peersPlot = () => linesOver("peers", (row) => `${row.series}, T = ${row.depth}`, "peers K");

const leadersHere = () => page.data.leaders.filter((one) => one.suite === page.suite);

function rescuePlot() {
  const leaders = leadersHere();
  if (!leaders.length) return null;
  const kinds = [["rescue", "--leader"], ["recovery", "--other"], ["harm", "--vote"]];
  const traces = kinds.map(([kind, ink], place) => {
    const known = leaders.filter((one) => one[kind].value !== null), shares = known.map((one) => one[kind]);
    return {
      name: kind, type: "scatter", mode: "markers", y: known.map((one) => leaders.indexOf(one) + 0.22 * (place - 1)), x: shares.map((share) => share.value),
      marker: {color: colour(ink), size: 9, symbol: SYMBOLS[place]},
      error_x: {type: "data", symmetric: false, array: shares.map((s) => s.high - s.value), arrayminus: shares.map((s) => s.value - s.low), thickness: 1.2, width: 0, color: colour(ink)},
      hoverinfo: "text", hovertext: known.map((one) => `<b>${wrapped(one.name, 40)}</b><br>${kind}: ${percent(one[kind].value)} of ${one[kind].n} (${percent(one[kind].low)} to ${percent(one[kind].high)})`),
    };
  });
  return {
    traces, label: `Rescue, recovery and harm of ${leaders.length} leaders.`,
    layout: {
      height: 90 + Math.max(leaders.length, 3) * (narrow() ? 58 : 46), xaxis: {tickformat: ".0%", range: [-0.02, 1.02], title: {text: "share, with its 95 % interval"}},
      yaxis: {tickvals: leaders.map((_, place) => place), ticktext: leaders.map((one) => wrapped(one.name, narrow() ? 16 : 26)), range: [leaders.length - 0.4, -0.6], showgrid: false, zeroline: false},
    },
  };
}

function rightPlot() {
  const one = leadersHere()[Number($("leader").value)];
  if (!one) return null;
  const shares = one.by_right_peers, ink = colour("--leader");
  const known = shares.map((share, place) => ({...share, place})).filter((share) => share.value !== null);
  return {
    label: `How often ${one.name} is right by the number of right peers: ${known.map((s) => `${s.place}: ${percent(s.value)} of ${s.n}`).join("; ")}.`,
    traces: [{
      type: "bar", x: known.map((s) => s.place), y: known.map((s) => s.value), marker: {color: colour("--leader-faint"), line: {color: ink, width: 1.5}},
      error_y: {...bars(known, ink), thickness: 1.5}, text: known.map((s) => `${Math.round(s.value * s.n)} of ${s.n}`), textposition: "inside", insidetextanchor: "start", textangle: 0,
      textfont: {color: colour("--text")}, hoverinfo: "text", hovertext: known.map((s) => `${s.place} of ${one.peers} peers right<br>leader right ${percent(s.value)} of ${s.n} (${percent(s.low)} to ${percent(s.high)})`),
    }],
    layout: {
      showlegend: false, xaxis: {title: {text: `right peers, ${safe(one.name)}`}, tickvals: shares.map((_, place) => place)},
      yaxis: {title: {text: "leader right"}, tickformat: ".0%", range: [0, 1.02]},
    },
  };
}

const referencesHere = () => page.data.differences.filter((one) => one.suite === page.suite);

function differencesPlot() {
  const plot = referencesHere().find((one) => one.reference === $("reference").value);
  if (!plot) return null;
  const kinds = new Map(rowsHere().map((row) => [row.name, row])), rows = plot.rows;
  const ink = rows.map((row) => colour(KINDS[kinds.get(row.name)?.kind ?? "other"].colour));
  return {
    label: `Accuracy of ${rows.length} rows less that of ${plot.reference}.`,
    traces: rows.map((row, place) => ({
      type: "scatter", mode: "markers", x: [row.value], y: [place], showlegend: false, hoverinfo: "text",
      marker: {size: 9, color: ink[place], symbol: row.low > 0 || row.high < 0 ? "circle" : "circle-open", line: {width: 1.5, color: ink[place]}},
      error_x: {type: "data", symmetric: false, array: [row.high - row.value], arrayminus: [row.value - row.low], thickness: 1.5, width: 0, color: ink[place]},
      hovertext: [`<b>${wrapped(row.name, 40)}</b><br>${signed(row.value)} (${signed(row.low)} to ${signed(row.high)})${row.p === null ? "" : `<br>p = ${row.p < 0.001 ? "&lt; 0.001" : row.p.toFixed(3)}`}<br>${whole(row.n)} questions${row.caution ? `<br>${wrapped(row.caution, 50)}` : ""}`],
    })),
    layout: {
      height: 90 + rows.length * (narrow() ? 40 : 24), showlegend: false,
      xaxis: {title: {text: `difference to ${wrapped(plot.reference, narrow() ? 30 : 80)}`}, zeroline: true, zerolinewidth: 1.5, zerolinecolor: colour("--text"), tickformat: "+.2f", side: "bottom"},
      yaxis: {tickvals: rows.map((_, place) => place), ticktext: rows.map((row) => wrapped(row.name)), range: [rows.length - 0.4, -0.6], showgrid: false, zeroline: false, tickfont: {size: narrow() ? 10 : 12}},
    },
  };
}

const TOKEN_KINDS = [["read afresh", "--vote"], ["from a cache", "--oracle"], ["written", "--leader"]];

function costPlot() {
  const chosen = $("cost-row").value, rows = rowsHere();
  const row = rows.find((one) => one.name === chosen);
  const names = row ? row.seats.map(([seat]) => seat) : rows.map((one) => one.name);
  const tokens = row ? row.seats.map(([, ...each]) => each) : rows.map((one) => [one.prompt_tokens, one.cached_tokens, one.completion_tokens]);
  return {
    label: `Tokens a question of ${row ? `each seat of ${row.name}` : "every row"}.`,
    traces: TOKEN_KINDS.map(([name, ink], kind) => ({
      name, type: "bar", orientation: "h", y: names.map((_, place) => place), x: tokens.map((each) => each[kind]),
      marker: {color: colour(ink)}, hoverinfo: "text",
      hovertext: names.map((each, place) => `<b>${wrapped(each, 40)}</b><br>${name}: ${short(tokens[place][kind])} of ${short(tokens[place].reduce((a, b) => a + b, 0))} tokens`),
    })),
    layout: {
      barmode: "stack", bargap: 0.3, height: 100 + names.length * (narrow() ? 40 : 24), legend: {traceorder: "normal"},
      xaxis: {title: {text: "tokens a question"}}, yaxis: {tickvals: names.map((_, place) => place), ticktext: names.map((name) => wrapped(name)), autorange: "reversed", showgrid: false, zeroline: false, tickfont: {size: narrow() ? 10 : 12}},
    },
  };
}

function leaderWords() {
  const one = leadersHere()[Number($("leader").value)];
  $("leader-said").replaceChildren(...(one?.said ?? []).map((line) => make("li", {textContent: shown(line)})));
}

/** Fill what may be chosen of the suite's plots, then draw those that are near. */
function drawPlots() {
  const rows = rowsHere(), leaders = leadersHere();
  choices($("frontier-cost"), Object.keys(COST_TITLES).filter((kind) => rows.some((row) => row[kind] > 0)).map((kind) => [kind, kind]));
  choices($("reference"), referencesHere().map((one) => [one.reference, one.reference]));
  choices($("cost-row"), [["", "all rows"], ...rows.filter((row) => row.seats.length > 1).map((row) => [row.name, `seats of ${row.name}`])]);
  const fullest = leaders.reduce((best, one, place) => (one.peers > leaders[best].peers ? place : best), 0);
  choices($("leader"), leaders.map((one, place) => [String(place), one.name]), String(fullest));
  const deep = Boolean(roundsDrawable());
  $("depth-none").hidden = deep;
  $("leader").closest("label").hidden = !leaders.length;
  $("leaders").hidden = !leaders.length && !page.data.leadersMissing.length;
  $("leaders-missing").replaceChildren(...page.data.leadersMissing.map((why) => make("p", {className: "note", textContent: shown(why)})));
  leaderWords();
  redrawAll();
}

const roundsDrawable = () => roundsPlot() || peersPlot();

function startPlots() {
  plotWhenNear("frontier-plot", frontierPlot);
  plotWhenNear("rounds-plot", roundsPlot);
  plotWhenNear("peers-plot", peersPlot);
  plotWhenNear("rescue-plot", rescuePlot);
  plotWhenNear("right-plot", rightPlot);
  plotWhenNear("differences-plot", differencesPlot);
  plotWhenNear("cost-plot", costPlot);
  for (const id of ["frontier-cost", "frontier-log"]) $(id).addEventListener("change", () => redraw("frontier-plot"));
  $("reference").addEventListener("change", () => redraw("differences-plot"));
  $("cost-row").addEventListener("change", () => redraw("cost-plot"));
  $("leader").addEventListener("change", () => { leaderWords(); redraw("right-plot"); });
  startPrinting();
  let waiting = null, before = narrow();
  addEventListener("resize", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => { if (narrow() !== before) { before = narrow(); redrawAll(); } }, 200);
  });
}
