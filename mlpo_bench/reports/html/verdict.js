// The verdict: one sentence, what to know before it is believed, and each team's rows against the vote at their tokens.

const VERDICT_COLUMNS = ["row", "verdict", "row − vote", "95 % interval", "p", "accuracy", "vote"];
const SHORT_OUTCOMES = {"beats": "beats it", "loses to": "loses", "cannot be told from": "open"};

function verdictWord(one) {
  const needed = one.needed === null ? "" : `: ${whole(one.needed)} would tell`;
  return `${SHORT_OUTCOMES[one.outcome]}${one.elsewhere ? "*" : ""}${needed}`;
}

function verdictRow(one) {
  const told = [
    signed(one.value), `${one.caution ? "~ " : ""}${signed(one.low)} to ${signed(one.high)}`,
    one.p < 0.001 ? "< 0.001" : figure(one.p), figure(one.accuracy), figure(one.vote),
  ];
  const kind = {"beats": "right", "loses to": "wrong"}[one.outcome] ?? "";
  return make("tr", {},
    make("th", {scope: "row", textContent: shown(one.name)}),
    make("td", {}, make("span", {className: `chip ${kind}`, textContent: verdictWord(one)})),
    ...told.map((text) => make("td", {className: "number", textContent: text})));
}

function verdictTable(title, rows) {
  const head = make("thead", {}, make("tr", {}, ...VERDICT_COLUMNS.map((name, place) => make("th", {scope: "col", className: place > 1 ? "number" : "", textContent: name}))));
  const suites = [...new Set(rows.map((one) => one.suite))];
  const bodies = suites.map((suite) => make("tbody", {},
    ...(suites.length > 1 ? [make("tr", {className: "group"}, make("th", {scope: "rowgroup", colSpan: VERDICT_COLUMNS.length, textContent: suite.toUpperCase()}))] : []),
    ...rows.filter((one) => one.suite === suite).map(verdictRow)));
  return make("div", {className: "scroll", tabIndex: 0, role: "region", "aria-label": title}, make("table", {className: "verdicts"}, head, ...bodies));
}

function drawVerdict() {
  const {sentence, warnings, rows} = page.data.verdict;
  $("answer").textContent = shown(sentence);
  $("verdict-warnings").replaceChildren(
    ...warnings.map((warning) => make("p", {className: "warning", textContent: shown(warning).replaceAll(" %", "\u00a0%")})));
  const here = rows.filter((one) => isOver() || one.suite === page.suite), led = here.filter((one) => one.led), others = here.filter((one) => !one.led);
  $("verdicts").replaceChildren(
    ...(led.length ? [verdictTable("Led rows against the vote at their own tokens", led)] : []),
    ...(others.length ? [make("details", {}, make("summary", {textContent: `Other protocols of teams, ${others.length} rows`}), verdictTable("Other protocols against the vote at their tokens", others))] : []));
}
