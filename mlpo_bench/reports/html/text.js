// Text of models and of questions: everything in it is shown, nothing in it does anything.

const HIDDEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cs}]/u;
const HIDDEN_RUNS = /([\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cs}])/gu;
// Line ends and tabs are seen as such; joiners are part of how words and emoji are written.
const PLAIN = new Set(["\n", "\t", "\u200c", "\u200d"]);
const reading = {asTyped: false};
const LONGEST = 20000;
const LONGEST_FORMULA = 2000;
const MOST_FORMULAS = 400;
// What is never mathematics: money, and lines that a stray sign would swallow.
const FORMULA = /\$\$([\s\S]+?)\$\$|\\\[([\s\S]+?)\\\]|\\\(([\s\S]+?)\\\)|(?<![\\$\w])\$(?![\s$])((?:[^$\n\\]|\\[^\n])+?)(?<!\s)\$(?![\d$\w])/g;

const code = (sign) => `U+${sign.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`;

/** Return a name with marks in place of signs that cannot be seen. */
function shown(text) {
  return String(text).replace(HIDDEN_RUNS, (sign) => (PLAIN.has(sign) ? sign : `[${code(sign)}]`));
}

/** Append plain text, with marks in place of signs that cannot be seen. */
function appendPlain(parent, text) {
  if (!HIDDEN.test(text)) {
    parent.append(text);
    return;
  }
  let plain = "";
  for (const part of text.split(HIDDEN_RUNS)) {
    if (HIDDEN.test(part) && part.length <= 2 && !PLAIN.has(part)) {
      parent.append(plain, make("span", {className: "sign", title: "a sign that cannot be seen", textContent: code(part)}));
      plain = "";
    } else {
      plain += part;
    }
  }
  parent.append(plain);
}

/** Split text into plain parts and formulas. */
function parts(text) {
  const found = [];
  let last = 0;
  for (const match of text.matchAll(FORMULA)) {
    const [source, display, bracketed, inline, dollar] = match;
    const tex = display ?? bracketed ?? inline ?? dollar;
    if (tex.length > LONGEST_FORMULA || HIDDEN.test(tex.replace(/[\n\t]/g, ""))) continue;
    if (match.index > last) found.push({text: text.slice(last, match.index)});
    found.push({tex, source, display: display !== undefined || bracketed !== undefined});
    last = match.index + source.length;
    if (found.length > 2 * MOST_FORMULAS) break;
  }
  if (last < text.length) found.push({text: text.slice(last)});
  return found;
}

/** Draw one formula; one that is none is shown as it was written. */
function formula(part) {
  const drawn = make("span", {className: "formula", title: part.source});
  try {
    temml.render(part.tex, drawn, {
      displayMode: part.display, trust: false, strict: false, throwOnError: true, maxSize: [20, 20], maxExpand: 200,
    });
  } catch {
    drawn.replaceChildren();
    drawn.className = "";
    appendPlain(drawn, part.source);
  }
  return drawn;
}

async function fill(box, text) {
  const found = parts(text);
  if (reading.asTyped || !found.some((part) => part.tex)) {
    appendPlain(box, text);
    return;
  }
  await library("temml");
  for (const part of found) {
    if (part.tex) box.append(formula(part));
    else appendPlain(box, part.text);
  }
}

/** Return a box that shows a text: isolated, so that its direction ends with it, and at first no longer than a screen bears. */
function textBox(text) {
  const box = make("div", {className: "text", dir: "auto"});
  const all = text.replaceAll("\r\n", "\n");
  fill(box, all.slice(0, LONGEST));
  if (all.length <= LONGEST) return box;
  const more = make("button", {type: "button", className: "quiet", textContent: `Show all ${whole(all.length)} characters`});
  more.addEventListener("click", () => {
    box.replaceChildren();
    appendPlain(box, all);
    more.remove();
  });
  return make("div", {}, box, more);
}
