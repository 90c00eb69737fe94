// What all parts of the page share. Text from a run reaches the document as text only, never as markup.

const $ = (id) => document.getElementById(id);

/** Make an element: `make("p", {className: "note"}, "text", child)`; what is text stays text. */
function make(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes("-") || name === "role") made.setAttribute(name, value);
    else made[name] = value;
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

function svg(tag, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** Return what lies packed in the page under an id, as text. */
async function unpack(id) {
  const packed = $(id).textContent;
  const bytes = Uint8Array.fromBase64 ? Uint8Array.fromBase64(packed) : Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).text();
}

const loading = new Map();

/** Run a packed library once; the page's policy knows its digest. */
function library(id) {
  if (!loading.has(id)) {
    loading.set(id, unpack(id).then((source) => {
      document.head.append(make("script", {textContent: source}));
      $(id).remove();
    }));
  }
  return loading.get(id);
}

const whole = (value) => (value === null || value === undefined ? "-" : Math.round(value).toLocaleString("en"));
const figure = (value, digits = 3) => (value === null || value === undefined ? "-" : value.toFixed(digits));
const short = (value) => (value === null || value === undefined ? "-" : Number(value.toPrecision(3)).toLocaleString("en", {maximumSignificantDigits: 3}));
const percent = (value) => (value === null || value === undefined ? "-" : `${(100 * value).toFixed(value && value < 0.0995 ? 1 : 0)} %`);
const signed = (value) => (value < 0 ? "−" : "+") + Math.abs(value).toFixed(3);

function large(value) {
  if (value === null || value === undefined) return "-";
  for (const [size, unit] of [[1e15, "P"], [1e12, "T"], [1e9, "G"], [1e6, "M"]]) {
    if (value >= size) return `${(value / size).toFixed(1)} ${unit}`;
  }
  return whole(value);
}

/** Fill a select; a choice is a value and what it is called. Keeps the choice where it is still there. */
function choices(select, options, fallback = options[0]?.[0]) {
  const before = select.value;
  select.replaceChildren(...options.map(([value, name]) => make("option", {value, textContent: shown(name)})));
  select.value = options.some(([value]) => value === before) ? before : fallback ?? "";
  select.disabled = options.length < 2;
}

const page = {data: null, suite: null, listeners: []};

/** Have something drawn now, and again whenever suite or theme change. */
function whenChanged(draw) {
  page.listeners.push(draw);
}

function changed() {
  for (const draw of page.listeners) draw();
}

const isOver = () => page.suite === page.data.over;
const rowsHere = () => page.data.rows.filter((row) => row.suite === page.suite);
const suiteName = (suite) => (suite === page.data.over ? "Mean over suites" : suite.toUpperCase());
