// Before anything is painted: the theme that was chosen last, or the system's.
(() => {
  let chosen = null;
  try { chosen = localStorage.getItem("mlpo-bench-theme"); } catch { /* a page from a file may have no storage */ }
  const dark = chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.theme = dark ? "dark" : "light";
})();
