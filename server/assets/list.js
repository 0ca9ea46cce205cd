// Lists: tools that open in place, cells that are edited where they stand, rows chosen, cards moved.
// Uses `Rapport.go` and `Rapport.load` of console.js; without it every form and link here still works.
"use strict";
(() => {
  const { all, load, go } = Rapport;

  // Links and forms of the tools change the address and the page without leaving it.
  document.addEventListener("click", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    const link = event.target.closest("a[data-soft]");
    if (!link) return;
    event.preventDefault();
    go(link.href);
  });
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.dataset.soft === undefined || event.defaultPrevented) return;
    event.preventDefault();
    const address = new URL(event.submitter?.getAttribute("formaction") ?? form.action, location.href);
    const values = new URLSearchParams(new FormData(form, event.submitter));
    if (form.method === "post") return go(address.href, { method: "POST", body: values });
    // The server reads what is missing as what is usual: short addresses.
    const kept = [...values].filter(([name, value]) => value !== "" || ["group", "v"].includes(name));
    address.search = new URLSearchParams(kept);
    go(address.href);
  });
  document.addEventListener("change", (event) => {
    const { target } = event;
    if (target.dataset.go !== undefined) target.form.requestSubmit();
    if (target.dataset.reask !== undefined) reask(target, target.closest(".built")?.id || target.dataset.reask);
    const following = target.name && target.form?.querySelector(`[data-follows="${CSS.escape(target.name)}"]`);
    if (following) reask(target, following.id);
    if (target.dataset.all !== undefined) {
      const form = target.form ?? document.getElementById("bulk");
      for (const box of form ? [...form.elements] : []) if (["id", "at", "change"].includes(box.name) && !box.disabled) box.checked = target.checked;
    }
    if (target.matches("input[name=id], [data-all]")) count();
  });

  // The page comes back where somebody is.
  function staying(button, part) {
    const { form } = button;
    if (part && form.dataset.inline === undefined) button.setAttribute("formaction", `${form.getAttribute("action")}#${part}`);
  }
  function reask(target, part) {
    const again = target.form.querySelector("[data-again]");
    staying(again, part);
    target.form.requestSubmit(again);
  }
  document.addEventListener("click", (event) => {
    const more = event.target.closest("[data-more]");
    if (more) staying(more, more.closest(".built").id);
  });

  function count() {
    const label = document.querySelector("[data-count]");
    if (label) label.textContent = label.dataset.count.replace("{}", all("input[name=id]:checked").length);
  }
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-none]")) return;
    for (const box of all("input[name=id]:checked, [data-all]:checked")) box.checked = false;
  });

  // Cells: a double click, Enter or F2 edits, and so does the pencil; arrows move.
  function edit(cell) {
    const row = cell.closest("tr");
    const address = new URL(Rapport.here(), location.href);
    address.searchParams.set("cell", `${row.id.slice(2)}.${cell.dataset.cell}`);
    return load(address.href, { forced: row.id, flash: false }).then(() => {
      const control = document.querySelector(".list td.editing :is(input:not([type=hidden]), select, textarea)");
      control?.focus();
      control?.select?.();
    });
  }
  document.addEventListener("dblclick", (event) => {
    const cell = event.target.closest("td[data-cell]");
    if (!cell || event.target.closest("a")) return;
    getSelection().removeAllRanges();
    edit(cell);
  });

  // What is a link opens with the first click: its cell is edited by a pencil, where the pointer or the keyboard is.
  const pencil = document.getElementById("cell-pencil")?.content.firstElementChild.cloneNode(true);
  function offer(event) {
    const cell = event.target.closest?.(".list[data-grid] td[data-cell]");
    if (!cell) pencil.remove();
    else if (pencil.parentElement !== cell) cell.append(pencil);
  }
  if (pencil) {
    document.addEventListener("pointerover", offer);
    document.addEventListener("focusin", offer);
    pencil.addEventListener("click", () => edit(pencil.closest("td")));
  }

  // Enter saves what was chosen in a cell, as browsers do it for what is typed; in an open list of options it chooses.
  const isOpen = (select) => CSS.supports("selector(:open)") && select.matches(":open");
  document.addEventListener("keydown", (event) => {
    const select = event.key === "Enter" && event.target.matches(".list td.editing select") && event.target;
    if (!select || event.ctrlKey || event.metaKey || event.altKey || event.isComposing || isOpen(select)) return;
    event.preventDefault();
    select.form.requestSubmit();
  });

  const cells = (row) => all("td:not(.check)", row);
  function focus(cell) {
    if (!cell) return;
    const link = cell.querySelector("a[data-row]");
    if (link) return link.focus();
    cell.tabIndex = -1;
    cell.focus();
  }
  const ARROWS = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] };
  function move(cell, [down, right]) {
    const rows = all("tbody tr:has(td.title)", cell.closest("table"));
    const row = rows[rows.indexOf(cell.closest("tr")) + down];
    if (row) focus(cells(row)[cells(cell.closest("tr")).indexOf(cell) + right]);
  }
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") document.querySelector("[data-close]")?.click();
    if (event.target.matches("input:not([type=checkbox]), textarea, select")) return;
    const cell = event.target.closest(".list[data-grid] tbody td");
    if (!cell) return;
    if (ARROWS[event.key] && !event.shiftKey) move(cell, ARROWS[event.key]);
    else if (event.key === "x") cell.closest("tr").querySelector("input[name=id]")?.click();
    else if ((event.key === "F2" || event.key === "e" || (event.key === "Enter" && !event.target.closest("a"))) && cell.dataset.cell) edit(cell);
    else return;
    event.preventDefault();
    event.stopImmediatePropagation();
  }, true);

  // What is running shows how far it is.
  setInterval(() => {
    if (document.querySelector("[data-refresh]") && !document.hidden) load(Rapport.here(), { whole: true, flash: false }).catch(() => {});
  }, 900);

  // The order of columns.
  document.addEventListener("keydown", (event) => {
    const item = event.target.closest("[data-sortable] li");
    if (!item || !event.altKey || !["ArrowUp", "ArrowDown"].includes(event.key)) return;
    event.preventDefault();
    event.key === "ArrowUp" ? item.previousElementSibling?.before(item) : item.nextElementSibling?.after(item);
    event.target.focus();
  });

  // What is dragged: a column within its list, or a card to another lane.
  let dragged;
  document.addEventListener("dragstart", (event) => {
    dragged = event.target.closest?.("[data-sortable] li, .board .item");
    if (!dragged) return;
    dragged.classList.add("dragged");
    event.dataTransfer.effectAllowed = "move";
    event.dataTransfer.setData("text/plain", dragged.textContent.trim());
  });
  document.addEventListener("dragend", () => {
    dragged?.classList.remove("dragged");
    for (const lane of all(".lane.over")) lane.classList.remove("over");
    dragged = undefined;
  });
  document.addEventListener("dragover", (event) => {
    if (!dragged) return;
    const lane = dragged.matches(".item") && event.target.closest(".lane");
    const item = dragged.matches("li:not(.item)") && event.target.closest("[data-sortable] li");
    if (!lane && !item) return;
    event.preventDefault();
    for (const other of all(".lane.over")) if (other !== lane) other.classList.remove("over");
    lane && lane.classList.add("over");
    if (item && item !== dragged && item.parentElement === dragged.parentElement) {
      const { top, height } = item.getBoundingClientRect();
      event.clientY < top + height / 2 ? item.before(dragged) : item.after(dragged);
    }
  });
  document.addEventListener("drop", (event) => {
    const lane = dragged?.matches(".item") && event.target.closest(".lane");
    if (!lane) return;
    event.preventDefault();
    put(dragged, lane);
  });

  async function put(card, lane) {
    if (card.closest(".lane") === lane) return;
    const { board } = card.closest("[data-board]").dataset;
    const { id } = card.dataset;
    lane.querySelector("ul").prepend(card);
    const body = new URLSearchParams({ id, value: lane.dataset.value });
    await load(board, { forced: "board", flash: false }, { method: "POST", body });
    const moved = document.getElementById(`c-${id}`);
    moved?.classList.add("flash");
    const asking = document.querySelector("#asking :is(select, input:not([type=hidden]), textarea)");
    asking ? (asking.focus(), asking.scrollIntoView({ block: "center" })) : moved?.querySelector("a[data-row]")?.focus();
  }
  document.addEventListener("keydown", (event) => {
    const card = event.shiftKey && event.target.closest(".board[data-board] .item");
    if (!card || !["ArrowLeft", "ArrowRight"].includes(event.key)) return;
    event.preventDefault();
    const lane = card.closest(".lane");
    const next = event.key === "ArrowRight" ? lane.nextElementSibling : lane.previousElementSibling;
    if (next) put(card, next);
  });
})();
