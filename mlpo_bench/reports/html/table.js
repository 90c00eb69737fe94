// The table: led rows, votes and others, each sorted by any column, with a picture of each interval.

const COLUMNS = [
  {key: "name", title: "protocol", text: (row) => rowName(row)},
  {key: "value", title: "accuracy", text: (row) => figure(row.value), strong: true},
  {key: "low", title: "95 % interval", text: (row) => `${row.caution ? "~ " : ""}${figure(row.low)} – ${figure(row.high)}`, hint: (row) => row.caution},
  {key: "picture", title: "", picture: true},
  {key: "n", title: "n", text: (row) => (row.seeds > 1 ? `${row.seeds} × ${whole(row.n)}` : whole(row.n))},
  {key: "calls", title: "calls", text: (row) => short(row.calls)},
  {key: "tokens", title: "tokens", text: (row) => whole(row.tokens)},
  {key: "seconds", title: "seconds", text: (row) => figure(row.seconds, 1)},
  {key: "price", title: "price", text: (row) => short(row.price)},
  {key: "unread", title: "unread", text: (row) => percent(row.unread)},
  {key: "cut", title: "cut off", text: (row) => percent(row.cut)},
  {key: "prompt_tokens", title: "tokens in", text: (row) => whole(row.prompt_tokens)},
  {key: "cached_tokens", title: "cached", text: (row) => whole(row.cached_tokens)},
  {key: "completion_tokens", title: "tokens out", text: (row) => whole(row.completion_tokens)},
  {key: "operations", title: "operations", text: (row) => large(row.operations)},
];
const sorting = {key: null, down: true};

const rowName = (row) => (row.ballots ? `${row.name} (${whole(row.ballots)} ${row.ballots === 1 ? row.counted.slice(0, -1) : row.counted})` : row.name);

function sortedRows() {
  const rows = rowsHere();
  if (!sorting.key) return rows;
  const sign = sorting.down ? -1 : 1;
  const names = new Intl.Collator("en", {numeric: true});
  return rows.sort((a, b) => {
    const [x, y] = [a[sorting.key], b[sorting.key]];
    if (x === null || y === null) return (x === null) - (y === null); // what is not known stands last
    return sign * (typeof x === "string" ? names.compare(x, y) : x - y);
  });
}

/** Draw where an interval lies between the lowest and the highest bound of the suite. */
function intervalPicture(row, low, high) {
  const width = 110, at = (value) => (4 + ((width - 8) * (value - low)) / (high - low || 1)).toFixed(1);
  const label = {class: `interval kind-${row.kind}`, width, height: 14, viewBox: `0 0 ${width} 14`, "aria-hidden": "true"};
  return svg("svg", label,
    svg("line", {x1: at(row.low), x2: at(row.high), y1: 7, y2: 7}),
    svg("circle", {cx: at(row.value), cy: 7, r: 3.5}));
}

function heading(column) {
  if (column.picture) return make("td", {className: "picture", "aria-hidden": "true"});
  const now = sorting.key === column.key ? (sorting.down ? "descending" : "ascending") : "none";
  const button = make("button", {type: "button", textContent: column.title});
  button.addEventListener("click", () => {
    sorting.down = sorting.key === column.key ? !sorting.down : column.key !== "name";
    sorting.key = column.key;
    drawTable();
    $("rows").querySelector(`[data-key="${column.key}"] button`).focus();
  });
  return make("th", {scope: "col", "aria-sort": now, "data-key": column.key, className: column.key === "name" ? "" : "number"}, button);
}

function nameButton(row) {
  const name = make("button", {type: "button", className: `row-name kind-${row.kind}`, textContent: shown(rowName(row))});
  name.addEventListener("click", () => showRow(row));
  return name;
}

function cellOf(column, row, low, high) {
  if (column.picture) return make("td", {className: "picture"}, intervalPicture(row, low, high));
  if (column.key === "name") return make("th", {scope: "row"}, ...row.alike.map(nameButton));
  const cell = make("td", {className: column.strong ? "number strong" : "number", textContent: column.text(row)});
  const hint = column.hint?.(row);
  if (hint) cell.title = hint;
  return cell;
}

const GROUPS = [["leader", "Led rows"], ["vote", "Solo, and votes of the leader's own answers"], ["other", "Other protocols"], ["oracle", "Ceilings"]];
const folded = new Set(["other", "oracle"]);

/** Return what a row answered to every question, as far as a page knows. */
const answersOf = (row) => page.data.cells.filter((cell) => cell.name === row.name && (isOver() || cell.suite === row.suite)).map((cell) => cell.suite + cell.seed + cell.states).join();

/** Put rows that did and took the same under one head, each with all their names. */
function merged(rows) {
  const found = new Map();
  for (const row of rows) {
    const key = [row.kind, row.value, row.calls, row.tokens, row.cut, answersOf(row)].join("|");
    if (row.kind === "vote" && found.has(key)) found.get(key).alike.push(row);
    else found.set(row.kind === "vote" ? key : row.name, {...row, alike: [row]});
  }
  return [...found.values()];
}

/** Return a group of rows under a heading that folds it. */
function group([kind, title], rows, columns, low, high) {
  const here = rows.filter((row) => row.kind === kind);
  if (!here.length) return null;
  const shut = folded.has(kind) && here.length < rows.length;
  const button = make("button", {type: "button", className: "fold", "aria-expanded": !shut, textContent: `${title} (${here.length})`});
  button.addEventListener("click", () => { if (folded.has(kind)) folded.delete(kind); else folded.add(kind); drawTable(); $("rows").querySelector(`tbody[data-kind="${kind}"] .fold`).focus(); });
  const head = make("tr", {className: "group"}, make("th", {scope: "rowgroup", colSpan: columns.length}, button));
  return make("tbody", {"data-kind": kind}, head,
    ...here.map((row) => make("tr", {className: "row", hidden: shut}, ...columns.map((column) => cellOf(column, row, low, high)))));
}

function drawTable() {
  const rows = merged(sortedRows());
  // What no row has is left out.
  const columns = COLUMNS.filter((column) => column.picture || rows.some((row) => row[column.key]));
  const low = Math.min(...rows.map((row) => row.low)), high = Math.max(...rows.map((row) => row.high));
  const title = `${suiteName(page.suite)}: ${rowsHere().length} rows`;
  $("rows").replaceChildren(
    make("caption", {className: "unseen", textContent: title}),
    make("thead", {}, make("tr", {}, ...columns.map(heading))),
    ...GROUPS.map((one) => group(one, rows, columns, low, high)).filter(Boolean),
  );
}
