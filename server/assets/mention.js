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
  // While an input method makes characters of keys, its keys are its own.
  let isComposing = false;
  // What was answered while this text has the focus: whoever goes back a letter does not ask again.
  let answers = new Map();
  // Who was taken from the list, by name, in the order of the text: only so is it known which of two with one name a
  // correction meant.
  let taken = new Map(), place;

  function asked(area) {
    if (area.selectionStart !== area.selectionEnd) return undefined;
    return SIGN.exec(area.value.slice(0, area.selectionStart))?.[1];
  }
  const isOpen = () => Boolean(list && !list.hidden && list.isConnected);

  function close() {
    clearTimeout(due);
    latest += 1;
    if (list) list.hidden = true;
    box?.removeAttribute("aria-activedescendant");
  }

  function choose(option) {
    for (const other of all("[role=option]", list)) other.setAttribute("aria-selected", other === option);
    box.setAttribute("aria-activedescendant", option.id);
    option.scrollIntoView({ block: "nearest" });
  }

  function open() {
    list.hidden = false;
    choose(list.querySelector("[role=option]"));
  }

  // How often a name stands behind a sign in a text.
  const times = (text, name) => text.split(`@${name}`).length + text.split(`＠${name}`).length - 2;

  // Those who came with a comment that was not taken stay in front: whose name is gone from the text the server passes over.
  const tell = (people) => { people.value = [people.dataset.given, ...[...taken.values()].flat()].filter(Boolean).join(" "); };

  // Those whose name was taken out of the text at the caret are no longer meant.
  function settle(area) {
    const { people } = area.form.elements;
    if (!people) return;
    if (area.form.action !== place) [taken, place] = [new Map(), area.form.action];
    for (const [name, ids] of taken) {
      const [before, after] = [area.value.slice(0, area.selectionStart), area.value.slice(area.selectionStart)].map((text) => times(text, name));
      if (before + after < ids.length) taken.set(name, [...ids.slice(0, before), ...ids.slice(ids.length - after)]);
    }
    tell(people);
  }

  function take(option) {
    const { id, name } = option.dataset;
    const [at, end] = [box.selectionStart - asked(box).length, box.selectionEnd];
    const gap = /^\s/.test(box.value.slice(end)) ? "" : " ";
    settle(box);
    const ids = taken.get(name) ?? [];
    // A name that is written over is not there twice.
    const [before, after] = [times(box.value.slice(0, at - 1), name), times(box.value.slice(end), name)];
    box.setRangeText(name + gap, at, end, "end");
    taken.set(name, [...ids.slice(0, before), id, ...ids.slice(Math.max(before, ids.length - after))]);
    const { people } = box.form.elements;
    if (people) tell(people);
    close();
    box.focus();
  }

  async function answered(typed) {
    if (!answers.has(typed)) {
      const response = await fetch(`/mentions/offer?${new URLSearchParams({ q: typed })}`).catch(() => undefined);
      if (!response?.ok || response.redirected) return "";
      answers.set(typed, await response.text());
    }
    return answers.get(typed);
  }

  function offer(area) {
    if (isOpen() && box !== area) close();
    clearTimeout(due);
    const typed = asked(area);
    if (typed === undefined) return close();
    due = setTimeout(async () => {
      const turn = ++latest;
      const found = await answered(typed);
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
    if (!area) return;
    settle(area);
    // What an input method has not yet made of keys is not what was typed.
    if (!event.isComposing) offer(area);
  });
  document.addEventListener("compositionstart", (event) => {
    if (!areaOf(event)) return;
    isComposing = true;
    close();
  });
  document.addEventListener("compositionend", (event) => {
    if (!areaOf(event)) return;
    isComposing = false;
    offer(areaOf(event));
  });
  // Before anybody else: Esc closes the list and leaves the comment open.
  document.addEventListener("keydown", (event) => {
    // 229: the key that ends a composition belongs to it, and Safari tells of the end before it.
    if (!isOpen() || event.target !== box || isComposing || event.isComposing || event.keyCode === 229) return;
    if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
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
  document.addEventListener("focusout", (event) => {
    if (!areaOf(event)) return;
    [answers, isComposing] = [new Map(), false];
    if (event.target === box) close();
  });
  // The caret that leaves the name leaves the list, too.
  document.addEventListener("selectionchange", () => { if (isOpen() && asked(box) === undefined) close(); });
})();
