// Puts the page together once its data are unpacked.

function drawHead() {
  const {run, rows, suites} = page.data;
  $("name").textContent = shown(run.name);
  const asked = suites.filter((suite) => suite !== page.data.over).map((suite) => `${suite.toUpperCase()} (${whole(page.data.questions[suite].ids.length)})`);
  $("summary").textContent = `${asked.join(", ")}: ${new Set(rows.map((row) => row.name)).size} ways of answering, ${run.done} of ${run.cells} cells done.`;
  $("notes").replaceChildren(...run.notes.map((note) => make("p", {className: "warning", role: "note", textContent: shown(note)})));
  $("terms").replaceChildren(...run.terms.flatMap(([term, lines]) => [
    make("dt", {textContent: term}),
    make("dd", {}, ...lines.map((line) => make(term === "Command" ? "code" : "span", {textContent: shown(line)}))),
  ]));
}

function drawSuites() {
  const {suites} = page.data;
  $("suites").replaceChildren(...suites.map((suite) => {
    const radio = make("input", {type: "radio", name: "suite", value: suite, checked: suite === page.suite});
    radio.addEventListener("change", () => { page.suite = suite; changed(); });
    return make("label", {}, radio, make("span", {textContent: suiteName(suite)}));
  }));
  $("suites").hidden = suites.length < 2;
}

function startTheme() {
  const root = document.documentElement, button = $("theme");
  const name = () => { button.textContent = root.dataset.theme === "dark" ? "Light theme" : "Dark theme"; };
  button.addEventListener("click", () => {
    root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
    try { localStorage.setItem("mlpo-bench-theme", root.dataset.theme); } catch { /* a page from a file may have no storage */ }
    name();
    redrawAll();
  });
  name();
}

async function start() {
  page.data = JSON.parse(await unpack("data"));
  [page.suite] = page.data.suites;
  drawHead();
  drawSuites();
  startTheme();
  startBrowser();
  startPlots();
  startInterventions();
  whenChanged(drawVerdict);
  whenChanged(drawTable);
  whenChanged(drawPlots);
  whenChanged(offerInterventions);
  whenChanged(drawBrowser);
  changed();
  document.documentElement.dataset.ready = "yes";
}

start().catch((fault) => {
  document.body.prepend(make("p", {className: "warning", textContent: `This page could not be drawn: ${fault.message}. It needs a browser of 2023 or later.`}));
  throw fault;
});
