"use strict";
// What is best when it is least, or is read from A on, rises at the first click.
const words = new Set(["row", "model"]);
const rising = new Set(["row", "rank", "model", "unread", "cut off", "calls", "tokens"]);
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  // Rows are numbered, so that equal ones keep the order of the page.
  const rows = [...body.rows].map((row, place) => ({ row, place }));
  const value = (row, column) => {
    const text = row.cells[column].textContent.trim();
    const number = parseFloat(text.replace(/,/g, "").replace(/^~ ?/, ""));
    return { text, number };
  };
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const first = rising.has(button.textContent) ? "ascending" : "descending";
      const turned = head.ariaSort === "ascending" ? "descending" : "ascending";
      const order = head.ariaSort === null ? first : turned;
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", order);
      const sign = order === "descending" ? -1 : 1;
      rows.sort((a, b) => {
        const x = value(a.row, column), y = value(b.row, column);
        if (words.has(button.textContent)) return sign * x.text.localeCompare(y.text, "en", { numeric: true }) || a.place - b.place;
        // What has no number stands last either way.
        if (isNaN(x.number) || isNaN(y.number)) return isNaN(x.number) - isNaN(y.number) || a.place - b.place;
        return sign * (x.number - y.number) || a.place - b.place;
      });
      body.append(...rows.map((one) => one.row));
    });
  });
}
