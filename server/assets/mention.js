// Behind an at sign colleagues are offered: arrows choose, Enter, Tab or a click takes, Esc closes.
"use strict";
(() => {
  const { all } = Rapport;
  // A sign that no word stands before, and what was typed of a name: words with single gaps. A gap or a mark at the end is
  // the end of the name.
  const WORD = "[\\p{L}\\p{M}\\p{N}_]+(?:[.'·-][\\p{L}\\p{M}\\p{N}_]+)*";
  const SIGN = new RegExp(`(?<![A-Za-z0-9])[@＠]((?:${WORD}(?: ${WORD}){0,3})?)$`, "u");
  // Quick typing asks once.
  const WAIT_MS = 80;
  let due, latest = 0, box, list, shown;

  function asked(area) {
    if (area.selectionStart !== area.selectionEnd) return undefined;
    return SIGN.exec(area.value.slice(0, area.selectionStart))?.[1];
  }
  const isOpen = () => Boolean(list && !list.hidden && list.isConnected);

  function close() {
    clearTimeout(due);
    latest += 1;
    if (list) list.hidden = true;
    for (const name of ["role", "aria-expanded", "aria-controls", "aria-haspopup", "aria-autocomplete", "aria-activedescendant"]) box?.removeAttribute(name);
  }

  function choose(option) {
    for (const other of all("[role=option]", list)) other.setAttribute("aria-selected", other === option);
    box.setAttribute("aria-activedescendant", option.id);
    option.scrollIntoView({ block: "nearest" });
  }

  function open() {
    list.hidden = false;
    const state = { role: "combobox", "aria-expanded": "true", "aria-controls": list.id, "aria-haspopup": "listbox", "aria-autocomplete": "list" };
    for (const [name, value] of Object.entries(state)) box.setAttribute(name, value);
    choose(list.querySelector("[role=option]"));
  }

  function take(option) {
    const { id, name } = option.dataset;
    const [at, end] = [box.selectionStart - asked(box).length, box.selectionEnd];
    const gap = /^\s/.test(box.value.slice(end)) ? "" : " ";
    box.setRangeText(name + gap, at, end, "end");
    const { people } = box.form.elements;
    if (people) people.value = `${people.value} ${id}`.trim();
    close();
    box.focus();
  }

  function offer(area) {
    if (isOpen() && box !== area) close();
    clearTimeout(due);
    const typed = asked(area);
    if (typed === undefined) return close();
    due = setTimeout(async () => {
      const turn = ++latest;
      const response = await fetch(`/mentions/offer?${new URLSearchParams({ q: typed })}`).catch(() => undefined);
      const found = response?.ok && !response.redirected ? await response.text() : "";
      // An older question that is answered later is no longer of interest.
      if (turn !== latest || document.activeElement !== area || asked(area) !== typed) return;
      [box, list] = [area, document.getElementById(area.dataset.mention)];
      [list.innerHTML, shown] = [found, typed];
      list.querySelector("[role=option]") ? open() : close();
    }, WAIT_MS);
  }

  const areaOf = (event) => event.target.closest?.("textarea[data-mention]");
  document.addEventListener("input", (event) => {
    const area = areaOf(event);
    // What an input method has not yet made of keys is not what was typed.
    if (area && !event.isComposing) offer(area);
  });
  document.addEventListener("compositionend", (event) => areaOf(event) && offer(areaOf(event)));
  // Before anybody else: Esc closes the list and leaves the comment open.
  document.addEventListener("keydown", (event) => {
    if (!isOpen() || event.target !== box || event.isComposing || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    const options = all("[role=option]", list);
    const at = options.findIndex((option) => option.getAttribute("aria-selected") === "true");
    if (event.key === "Escape") close();
    else if (event.key === "ArrowDown") choose(options[(at + 1) % options.length]);
    else if (event.key === "ArrowUp") choose(options[(at || options.length) - 1]);
    else if (["Enter", "Tab"].includes(event.key) && asked(box) === shown) take(options[at]);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }, true);
  // A click on a name leaves the focus where it is, or the list would close before it is taken.
  document.addEventListener("mousedown", (event) => { if (isOpen() && list.contains(event.target)) event.preventDefault(); });
  document.addEventListener("click", (event) => {
    const option = isOpen() && list.contains(event.target) && event.target.closest("[role=option]");
    if (option && asked(box) !== undefined) take(option);
  });
  document.addEventListener("focusout", (event) => { if (event.target === box) close(); });
  // The caret that leaves the name leaves the list, too.
  document.addEventListener("selectionchange", () => { if (isOpen() && asked(box) === undefined) close(); });
})();
