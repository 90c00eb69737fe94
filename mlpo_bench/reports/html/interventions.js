// What interventions did to a row: a table, and what it supports in words.

const interventionsHere = () => page.data.interventions.filter((one) => one.suite === page.suite);

const EFFECT_COLUMNS = [
  ["done", (one) => shown(one.said)],
  ["n", (one) => whole(one.n)],
  ["change", (one) => (one.change ? signed(one.change.value) : "-")],
  ["95 % interval", (one) => (one.change ? `${signed(one.change.low)} – ${signed(one.change.high)}` : "-")],
  ["another answer", (one) => percent(one.changed.value)],
  ["lost", (one) => percent(one.lost.value)],
  ["gained", (one) => percent(one.gained.value)],
  ["followed", (one) => percent(one.follows.value)],
  ["before", (one) => percent(one.followed_before.value)],
  ["tokens saved", (one) => whole(one.saved)],
];

function drawInterventions() {
  const rows = interventionsHere(), chosen = $("intervened");
  $("interventions").hidden = $("interventions-link").hidden = !rows.length;
  if (!rows.length) return;
  const one = rows[Number(chosen.value)] ?? rows[0];
  $("effects").replaceChildren(
    make("thead", {}, make("tr", {}, ...EFFECT_COLUMNS.map(([title], place) => make("th", {scope: "col", className: place ? "number" : "", textContent: title})))),
    make("tbody", {}, ...one.effects.map((effect) => make("tr", {}, ...EFFECT_COLUMNS.map(([, text], place) => (
      place ? make("td", {className: "number", textContent: text(effect)}) : make("th", {scope: "row", textContent: text(effect)})))))),
  );
  $("effects-said").replaceChildren(...one.said.map((line) => make("li", {textContent: shown(line)})));
}

/** Offer the rows of the suite that is shown, and draw the first. */
function offerInterventions() {
  choices($("intervened"), interventionsHere().map((one, place) => [String(place), one.row]), "0");
  drawInterventions();
}

function startInterventions() {
  $("intervened").addEventListener("change", drawInterventions);
}
