// Dashboards: tiles that are dragged, or moved with Shift and an arrow. Without it their buttons do the same.
"use strict";
(() => {
  const { all, load, here } = Rapport;
  const order = () => all(".tile[draggable]");
  let dragged;

  // Where it stands now is where it is to be: the row before it, or nothing for the front.
  async function keep(tile) {
    const { tiles } = document.getElementById("tiles").dataset;
    const id = tile.dataset.rowId;
    const after = order()[order().indexOf(tile) - 1]?.dataset.rowId ?? "";
    await load(tiles, { forced: "tiles", flash: false }, { method: "POST", body: new URLSearchParams({ act: "move", row: id, after }) });
    document.getElementById(`t-${id}`)?.focus();
  }
  document.addEventListener("dragstart", (event) => {
    dragged = event.target.closest?.(".tile[draggable]");
    if (!dragged) return;
    dragged.classList.add("dragged");
    event.dataTransfer.effectAllowed = "move";
    event.dataTransfer.setData("text/plain", dragged.getAttribute("aria-label"));
  });
  document.addEventListener("dragover", (event) => {
    const over = dragged && event.target.closest(".tile[draggable]");
    if (!over) return;
    event.preventDefault();
    if (over === dragged) return;
    order().indexOf(over) < order().indexOf(dragged) ? over.before(dragged) : over.after(dragged);
  });
  document.addEventListener("drop", (event) => dragged && event.preventDefault());
  document.addEventListener("dragend", () => {
    if (!dragged) return;
    dragged.classList.remove("dragged");
    keep(dragged);
    dragged = undefined;
  });
  // What took longer than the page waited.
  const RETRY_MS = 3000;
  function later() {
    if (document.querySelector("[data-later]")) load(here(), { flash: false }).catch(() => setTimeout(later, RETRY_MS));
  }
  later();
  // A link is copied whole.
  for (const code of all("[data-address]")) code.textContent = new URL(code.dataset.address, location.origin).href;
  document.addEventListener("keydown", (event) => {
    const tile = event.shiftKey && event.target.matches?.(".tile[draggable]") && event.target;
    const step = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[event.key];
    if (!tile || !step) return;
    event.preventDefault();
    const other = order()[order().indexOf(tile) + step];
    if (!other) return;
    step < 0 ? other.before(tile) : other.after(tile);
    keep(tile);
  });
})();
