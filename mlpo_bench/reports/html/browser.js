// Conversations: found by filters and by their text, listed as far as they are seen, opened one at a time.

const STATES = {right: 1, unread: 2, cut: 4, failed: 8, overturned: 16};
const OUTCOMES = [
  ["", "any", () => true],
  ["right", "right", (state) => state & STATES.right],
  ["wrong", "wrong, answer read", (state) => !(state & (STATES.right | STATES.unread | STATES.failed))],
  ["unread", "unread", (state) => state & STATES.unread],
  ["cut", "cut off", (state) => state & STATES.cut],
  ["failed", "not answered", (state) => state & STATES.failed],
];
const HEIGHT = 84;
const SPARE = 6;
const KEPT = 12;

const browsing = {found: [], at: -1, searching: 0, opening: 0, portions: new Map()};

const stateOf = (cell, question) => {
  const digit = page.data.cells[cell].states[question];
  return digit === "-" ? null : parseInt(digit, 32);
};

function outcome(state) {
  if (state & STATES.failed) return ["failed", "–", "not answered"];
  if (state & STATES.right) return ["right", "✓", "right"];
  if (state & STATES.unread) return ["unread", "?", "unread"];
  return ["wrong", "✗", "wrong"];
}

/** Return a portion's questions; the last few stay unpacked. */
async function portion(number) {
  const kept = browsing.portions;
  const found = kept.get(number) ?? unpack(`portion-${number}`).then(JSON.parse);
  kept.delete(number);
  kept.set(number, found);
  if (kept.size > KEPT) kept.delete(kept.keys().next().value);
  return found;
}

function portionOf(suite, question) {
  return page.data.portions.findIndex((one) => one.suite === suite && question >= one.first && question < one.first + one.count);
}

const browsed = () => (isOver() ? page.data.suites.filter((suite) => suite !== page.data.over) : [page.suite]);

/** Return the conversations that the filters leave, but for the text. */
function filtered() {
  const suites = new Set(browsed()), row = $("by-row").value, subject = $("by-subject").value;
  const fits = OUTCOMES.find(([value]) => value === $("by-outcome").value)[2], overturned = $("by-overturned").checked;
  const found = [];
  page.data.cells.forEach((cell, number) => {
    if (!suites.has(cell.suite) || (row && cell.name !== row)) return;
    const {subjects} = page.data.questions[cell.suite];
    for (let question = 0; question < subjects.length; question += 1) {
      const state = stateOf(number, question);
      if (state === null || !fits(state) || (overturned && !(state & STATES.overturned))) continue;
      if (!subject || subjects[question] === subject) found.push({cell: number, question});
    }
  });
  return found;
}

/** Return which conversations of a question hold a text: in the question, or in a turn. */
function holding(asked, text) {
  const every = (asked.text ?? "").toLowerCase().includes(text);
  const words = new Set(asked.words.flatMap((word, number) => (word[0].toLowerCase().includes(text) ? [number] : [])));
  return (cell) => every || (asked.told[cell]?.turns ?? []).some((part, place) => place % 5 === 4 && words.has(part));
}

async function search(candidates, text, turn) {
  const suites = new Set(browsed()), wanted = new Map(), found = [];
  for (const one of candidates) {
    const number = portionOf(page.data.cells[one.cell].suite, one.question);
    if (number >= 0) wanted.set(number, [...(wanted.get(number) ?? []), one]);
  }
  const numbers = [...wanted.keys()].sort((a, b) => a - b);
  for (const [place, number] of numbers.entries()) {
    if (turn !== browsing.searching) return null;
    $("found").textContent = `searching, ${place + 1} of ${numbers.length}`;
    const held = await portion(number), {first, suite} = page.data.portions[number];
    if (!suites.has(suite)) continue;
    const tests = new Map();
    for (const one of wanted.get(number)) {
      if (!tests.has(one.question)) tests.set(one.question, holding(held[one.question - first], text));
      if (tests.get(one.question)(one.cell)) found.push(one);
    }
  }
  return turn === browsing.searching ? found : null;
}

async function find() {
  browsing.searching += 1;
  $("list").setAttribute("aria-busy", "true");
  const turn = browsing.searching, text = $("by-text").value.trim().toLowerCase();
  const candidates = filtered();
  const found = text ? await search(candidates, text, turn) : candidates;
  if (found === null) return;
  browsing.found = found;
  browsing.at = -1;
  $("list").setAttribute("aria-busy", "false");
  $("found").textContent = `${whole(found.length)} found`;
  $("list").scrollTop = 0;
  $("list-inner").style.height = `${found.length * HEIGHT}px`;
  drawList();
}

function entry(place) {
  const {cell, question} = browsing.found[place], {suite, name, seed} = page.data.cells[cell];
  const [kind, sign, word] = outcome(stateOf(cell, question)), state = stateOf(cell, question);
  const id = page.data.questions[suite].ids[question];
  const tags = [state & STATES.overturned ? "overturned" : null, state & STATES.cut ? "cut off" : null].filter(Boolean);
  const made = make("div", {
    role: "option", id: `entry-${place}`, className: `entry ${place === browsing.at ? "at" : ""}`,
    "aria-selected": place === browsing.at, "aria-posinset": place + 1, "aria-setsize": browsing.found.length,
  },
  make("span", {className: `mark ${kind}`, title: word, textContent: sign}),
  make("span", {className: "what"}, make("b", {textContent: shown(id)}), make("i", {textContent: shown(name) + (seed ? `, seed ${seed}` : "")}), tags.length ? make("span", {className: "tag", textContent: tags.join(", ")}) : null));
  made.title = `${shown(id)}\n${shown(name)}`;
  made.style.top = `${place * HEIGHT}px`;
  made.addEventListener("click", () => { go(place); });
  return made;
}

/** Draw the entries that are seen, and a few above and below. */
function drawList() {
  const list = $("list"), first = Math.max(0, Math.floor(list.scrollTop / HEIGHT) - SPARE);
  const last = Math.min(browsing.found.length, Math.ceil((list.scrollTop + list.clientHeight) / HEIGHT) + SPARE);
  const places = Array.from({length: Math.max(0, last - first)}, (_, place) => first + place);
  $("list-inner").replaceChildren(...places.map(entry));
  if (browsing.at >= first && browsing.at < last) list.setAttribute("aria-activedescendant", `entry-${browsing.at}`);
  else list.removeAttribute("aria-activedescendant");
}

function go(place, open = true) {
  if (!browsing.found.length) return;
  browsing.at = Math.max(0, Math.min(place, browsing.found.length - 1));
  const list = $("list"), top = browsing.at * HEIGHT;
  if (top < list.scrollTop) list.scrollTop = top;
  if (top + HEIGHT > list.scrollTop + list.clientHeight) list.scrollTop = top + HEIGHT - list.clientHeight;
  drawList();
  const {cell, question} = browsing.found[browsing.at];
  if (open) openConversation(cell, question);
}

function onKey(event) {
  const page_ = Math.floor($("list").clientHeight / HEIGHT), {at, found} = browsing;
  const to = {ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + page_, PageUp: at - page_, Home: 0, End: found.length - 1, Enter: Math.max(at, 0)}[event.key];
  if (to === undefined) return;
  event.preventDefault();
  go(to);
}

const chip = (text, kind = "") => make("span", {className: `chip ${kind}`, textContent: text});

function turnBox(seat, round, sample, word, isFinal) {
  const [text, answer, key, right, fresh, cached, written, cut, seconds] = word;
  const verdict = right === null ? ["unknown", "right or wrong unknown"] : answer === null ? ["unread", "? unread"] : right ? ["right", "✓ right"] : ["wrong", "✗ wrong"];
  const head = make("header", {},
    make("b", {textContent: shown(seat)}), chip(`round ${round + 1}`), sample ? chip(`sample ${sample + 1}`) : null,
    chip(verdict[1], verdict[0]), isFinal ? chip("final", "final") : null, cut ? chip("cut off", "cut") : null,
    make("span", {className: "spent", textContent: `${whole(fresh)} read${cached ? ` + ${whole(cached)} cached` : ""}, ${whole(written)} written, ${figure(seconds, 1)} s`}));
  const read = make("p", {className: "answer"}, "Answer read: ", answer === null ? make("em", {textContent: "none"}) : make("code", {dir: "auto"}));
  if (answer !== null) appendPlain(read.lastChild, answer);
  if (key !== null && key !== answer) read.append(" counted as ", make("code", {textContent: shown(key)}));
  return make("section", {className: `turn ${seat === "leader" ? "led" : ""}`}, head, textBox(text), read);
}

function rightAnswer(gold) {
  const told = make("p", {className: "answer gold"}, "Right answer: ", gold === null ? make("em", {textContent: "not known: the data were not at hand"}) : make("code", {dir: "auto"}));
  if (gold !== null) appendPlain(told.lastChild, gold);
  return told;
}

/** Rows that were asked the same question, each a way to its conversation. */
function others(suite, question, current) {
  const buttons = page.data.cells.flatMap((cell, number) => {
    const state = cell.suite === suite ? stateOf(number, question) : null;
    if (state === null) return [];
    const [kind, sign, word] = outcome(state);
    const button = make("button", {type: "button", className: number === current ? "other at" : "other", title: word},
      make("span", {className: `mark ${kind}`, textContent: sign}), shown(cell.name) + (cell.seed ? `, seed ${cell.seed}` : ""));
    button.addEventListener("click", () => openConversation(number, question));
    return [button];
  });
  return make("details", {}, make("summary", {textContent: `The same question in ${buttons.length} rows`}), make("div", {className: "others"}, ...buttons));
}

async function openConversation(number, question) {
  const {suite, name, seed} = page.data.cells[number], {ids, subjects, gold} = page.data.questions[suite];
  browsing.opening += 1;
  const turn = browsing.opening, at = portionOf(suite, question), held = at < 0 ? null : (await portion(at))[question - page.data.portions[at].first];
  if (turn !== browsing.opening) return; // another one was opened meanwhile
  const conversation = held?.told[number], state = stateOf(number, question), [kind, sign, word] = outcome(state);
  const back = make("button", {type: "button", className: "quiet back", textContent: "Back to the list"});
  back.addEventListener("click", () => { $("list").scrollIntoView({block: "nearest"}); $("list").focus(); });
  const typed = make("label", {className: "check"}, make("input", {type: "checkbox", id: "as-typed", checked: reading.asTyped}), " Mathematics as typed");
  typed.firstChild.addEventListener("change", (event) => { reading.asTyped = event.target.checked; openConversation(number, question); });
  const boxes = [];
  const turns = conversation?.turns ?? [];
  for (let place = 0; place < turns.length; place += 5) {
    const [seat, round, , sample, said] = turns.slice(place, place + 5);
    boxes.push([page.data.seats[seat], round, sample, held.words[said], conversation.final === place / 5]);
  }
  $("open").replaceChildren();
  $("open").append(
    make("header", {className: "opened"},
      make("h3", {textContent: shown(ids[question])}),
      make("p", {}, chip(`${sign} ${word}`, kind), chip(shown(subjects[question])), chip(shown(name) + (seed ? `, seed ${seed}` : "")),
        state & STATES.overturned ? chip("leader overturned the majority", "final") : null, state & STATES.cut ? chip("cut off", "cut") : null),
      make("div", {className: "controls"}, typed, back)),
    others(suite, question, number),
    make("section", {className: "turn question"}, make("header", {}, make("b", {textContent: "Question"})), textBox(held?.text ?? "(the transcript does not tell)"), rightAnswer(gold[question])),
    ...(conversation?.error ? [make("section", {className: "turn"}, make("header", {}, make("b", {textContent: "Not answered"})), textBox(conversation.error))] : []),
    ...boxes.map((box) => turnBox(...box)),
  );
  $("open").scrollTop = 0;
  if (innerWidth < 1000) $("open").scrollIntoView({block: "start"});
}

/** Come from the table to a row's conversations. */
function showRow(row) {
  $("by-row").value = row.name;
  find();
  $("conversations").scrollIntoView();
  $("list").focus({preventScroll: true});
}

function drawBrowser() {
  const suites = browsed(), names = new Set(page.data.cells.filter((cell) => suites.includes(cell.suite)).map((cell) => cell.name));
  const subjects = new Set(suites.flatMap((suite) => page.data.questions[suite].subjects));
  choices($("by-row"), [["", "all rows"], ...[...names].map((name) => [name, name])]);
  choices($("by-subject"), [["", "all subjects"], ...[...subjects].sort().map((name) => [name, name])]);
  find();
}

function startBrowser() {
  choices($("by-outcome"), OUTCOMES.map(([value, name]) => [value, name]));
  let waiting = null;
  $("filters").addEventListener("submit", (event) => { event.preventDefault(); find(); });
  for (const id of ["by-row", "by-subject", "by-outcome", "by-overturned"]) $(id).addEventListener("change", find);
  $("by-text").addEventListener("input", () => {
    $("list").setAttribute("aria-busy", "true");
    clearTimeout(waiting);
    waiting = setTimeout(find, 250);
  });
  $("list").addEventListener("scroll", () => requestAnimationFrame(drawList), {passive: true});
  $("list").addEventListener("keydown", onKey);
}
