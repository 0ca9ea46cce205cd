// The console's script. Every page works without it; with it, forms open and save in place and what
// others write appears by itself. Parts of a page are elements with `data-part` and an id.
"use strict";
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const mainOf = (root) => root.querySelector("#main");
  const pad = (number) => String(number).padStart(2, "0");
  const local = (date, mark) => `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}${mark}${pad(date.getHours())}:${pad(date.getMinutes())}`;

  // Moments come in UTC and are shown where the reader is.
  function localise(root) {
    for (const time of all("time[data-local]", root)) {
      time.title = time.textContent;
      time.textContent = local(new Date(time.dateTime), " ");
    }
    for (const time of all("time[data-ago]", root)) time.title = local(new Date(time.dateTime), " ");
    for (const input of all("input[data-moment]", root)) {
      if (input.value) input.value = input.defaultValue = local(new Date(`${input.value}Z`), "T");
    }
  }
  document.addEventListener("formdata", (event) => {
    for (const input of all("input[data-moment]", event.target)) {
      const moment = new Date(input.value);
      if (input.value && !Number.isNaN(moment.getTime())) event.formData.set(input.name, moment.toISOString().slice(0, 16));
    }
    if (event.target.dataset.zone !== undefined) event.formData.set("tz", new Date().getTimezoneOffset());
  });

  // Parts: what the server sent is kept beside each, so that only what differs is replaced.
  const sources = new WeakMap();
  const parts = (root) => all("[data-part]", root).filter((part) => part.parentElement.closest("[data-part]") === root.closest("[data-part]"));
  const remember = (root) => [root, ...all("[data-part]", root)].forEach((part) => sources.set(part, part.outerHTML));
  const ids = (list) => list.map((part) => part.id).join();

  // Whether somebody changed a control and did not send it yet.
  function isChanged(control) {
    if (control.type === "radio") return control.checked !== control.defaultChecked;
    if (control.localName !== "select") return control.value !== control.defaultValue;
    const options = [...control.options];
    const sent = options.filter((option) => option.defaultSelected);
    const usual = sent.length || control.multiple ? sent : options.slice(0, 1);
    return options.some((option) => option.selected !== usual.includes(option));
  }

  // What is being put together stands nowhere but on this page.
  function isBusy(part) {
    if (part.matches(".editing, [data-draft]") || part.querySelector(".editing, [data-draft]")) return true;
    const controls = all("input:not([type=hidden], [type=checkbox]), textarea, select", part);
    return controls.some((control) => control === document.activeElement || isChanged(control));
  }

  // What stands for an element once its part came anew. It is looked for only in what has the same id around
  // it: a button of another record is not this button.
  function successor(element, old, copy) {
    if (element === old) return copy;
    if (element.id) return copy.querySelector(`#${CSS.escape(element.id)}`);
    const home = element.parentElement.closest("[id]");
    const [from, to] = home !== old && old.contains(home) ? [home, copy.querySelector(`#${CSS.escape(home.id)}`)] : [old, copy];
    if (!to) return null;
    const alike = (other) => ["href", "name", "value", "class"].every((name) => other.getAttribute(name) === element.getAttribute(name));
    const at = all(element.localName, from).filter(alike).indexOf(element);
    return all(element.localName, to).filter(alike)[at];
  }

  // Whether it was done: what somebody is typing in is left alone, and they are told.
  function replace(old, fresh, { force, flash }) {
    if (!force && isBusy(old)) {
      const same = old.dataset.version !== undefined && old.dataset.version === fresh.dataset.version;
      if (!same) document.getElementById("elsewhere").hidden = false;
      return false;
    }
    const copy = document.importNode(fresh, true);
    remember(copy);
    const held = document.activeElement;
    const focus = old.contains(held) ? successor(held, old, copy) : null;
    if (focus && held.hasAttribute("tabindex")) focus.tabIndex = held.tabIndex;
    const scrolled = all("*", old).filter((part) => part.scrollTop || part.scrollLeft);
    const places = scrolled.map((part) => [successor(part, old, copy), part.scrollTop, part.scrollLeft]);
    // What was ticked stays ticked, or not; what was opened by hand stays open.
    const key = (box) => `${box.name} ${box.value}`;
    const ticked = new Map(all("input[type=checkbox][name]", old).filter((box) => box.checked !== box.defaultChecked).map((box) => [key(box), box.checked]));
    for (const box of all("input[type=checkbox][name]", copy)) box.checked = ticked.get(key(box)) ?? box.checked;
    const folds = force ? [] : all("details", old).map((fold) => [successor(fold, old, copy), fold.open]);
    for (const [fold, open] of folds) if (fold) fold.open = open;
    old.replaceWith(copy);
    localise(copy);
    for (const [part, top, left] of places) part?.scrollTo({ top, left, behavior: "instant" });
    focus?.focus({ preventScroll: true });
    if (flash && copy.matches(".field, tr")) copy.classList.add("flash");
    return true;
  }

  function merge(oldRoot, freshRoot, how) {
    const [old, fresh] = [parts(oldRoot), parts(freshRoot)];
    if (ids(old) !== ids(fresh)) {
      // Parts came or went: what carries them is replaced, at most all of the page but its menu.
      const [from, to] = oldRoot === document.body ? [mainOf(oldRoot), mainOf(freshRoot)] : [oldRoot, freshRoot];
      return replace(from, to, { force: Boolean(how.forced), flash: false });
    }
    const done = old.map((part, index) => {
      const next = fresh[index];
      if (sources.get(part) === next.outerHTML && how.forced !== part.id) return true;
      if (!parts(part).length || !parts(next).length) return replace(part, next, { flash: how.flash, force: how.forced === part.id });
      const whole = merge(part, next, how);
      if (part.isConnected) whole ? sources.set(part, next.outerHTML) : sources.delete(part);
      return whole;
    });
    return done.every(Boolean);
  }

  async function load(address, how, request = {}) {
    const response = await fetch(address, { ...request, headers: { ...request.headers, "x-requested-with": "console", accept: "text/html" } });
    if (new URL(response.url).pathname === "/sign-in") {
      document.dispatchEvent(new Event("signed-out"));
      return location.assign(response.url);
    }
    const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
    if (!fresh.getElementById("main")) return location.reload();
    document.title = fresh.title;
    document.body.dataset.since = fresh.body.dataset.since ?? "";
    if (how.forced === "main" || how.whole) replace(mainOf(document), mainOf(fresh), { force: how.forced === "main" });
    else merge(document.body, fresh.body, how);
    return response;
  }

  // The page's address without what was asked for once.
  function here() {
    const address = new URL(location.href);
    for (const name of ["edit", "done", "cell", "count", "undo", "refused"]) address.searchParams.delete(name);
    return address.pathname + address.search;
  }

  // Another address of the same page: its tools, its pages, its views. A form that is drawn again has none of its own.
  // What is asked for last counts: an answer to what was asked before comes too late.
  let asked;
  async function go(address, request) {
    asked?.abort();
    const { signal } = (asked = new AbortController());
    const response = await load(address, { forced: "main", flash: false }, { ...request, signal }).catch((error) => {
      if (!signal.aborted) throw error;
    });
    if (!response || signal.aborted) return;
    const reached = new URL(response.url);
    if (!request || response.redirected) history.pushState(null, "", reached.pathname + reached.search);
    const first = document.querySelector("#panel [data-focus]") ?? document.querySelector("#panel select:not([class]), #panel input:not([type=hidden])");
    if (!request || first?.dataset.focus !== undefined || response.redirected) first?.focus();
  }
  addEventListener("popstate", () => load(location.href, { forced: "main", flash: false }));

  const partOf = (element) => element.closest("[data-part]").id;

  async function open(link) {
    const part = partOf(link);
    await load(link.href, { forced: part, flash: false });
    const field = new URL(link.href).hash.slice(1);
    const target = document.getElementById(field);
    if (!target) return;
    target.scrollIntoView({ block: "nearest" });
    target.querySelector("input:not([type=hidden]), select, textarea")?.focus();
  }

  // Where somebody goes on once a field or a cell was sent: in what was not taken, at its pencil, at the cell.
  function settle(part, name) {
    const home = document.getElementById(part);
    const wrong = home?.querySelector("[aria-invalid=true]");
    const refused = wrong?.closest(".editing")?.querySelector("input:not([type=hidden]), select, textarea");
    if (refused) {
      refused.focus();
      return refused.select?.();
    }
    const cell = name && home?.querySelector(`td[data-cell="${CSS.escape(name)}"]`);
    const next = wrong ?? home?.querySelector(".pencil") ?? cell?.querySelector("a[data-row]") ?? cell;
    if (next && next === cell) cell.tabIndex = -1;
    next?.focus();
  }
  const openCell = (element) => element.closest("td.editing")?.dataset.was;

  async function save(form, submitter) {
    const [part, cell] = [partOf(form), openCell(form)];
    const body = new URLSearchParams(new FormData(form));
    if (submitter?.name) body.append(submitter.name, submitter.value);
    if (submitter) submitter.disabled = true;
    const response = await load(form.action, { forced: part, flash: true }, { method: "POST", body });
    if (response?.redirected) history.replaceState(null, "", here());
    settle(part, cell);
  }

  document.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    const link = event.target.closest("a[data-edit], a[data-cancel]");
    if (!link) return;
    event.preventDefault();
    if (link.dataset.edit !== undefined) return open(link);
    history.replaceState(null, "", here());
    const [part, cell] = [partOf(link), openCell(link)];
    load(here(), { forced: part, flash: false }).then(() => settle(part, cell)).catch(() => location.assign(link.href));
  });
  document.addEventListener("submit", (event) => {
    if (event.target.dataset.inline === undefined) return;
    event.preventDefault();
    save(event.target, event.submitter).catch(() => event.target.submit());
  });

  // Keys: / search, n new, j and k move, e edit, Esc leave.
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = event.target.matches("input:not([type=checkbox], [type=radio]), textarea, select");
    // A tick is set with the space bar. Enter would send the form that it belongs to, whatever its first button does.
    if (event.key === "Enter" && event.target.matches("[type=checkbox], [type=radio]")) return event.preventDefault();
    if (event.key === "Escape") {
      const cancel = event.target.closest(".editing")?.querySelector("[data-cancel]");
      return cancel ? cancel.click() : event.target.blur();
    }
    if (typing) return;
    // Disagreements: a digit keeps that value, x ticks.
    const dispute = event.target.closest(".dispute");
    const wanted = dispute && (event.key === "x" ? dispute.querySelector("input[form=many]") : all("button[name=keep]", dispute)[event.key - 1]);
    if (wanted) {
      wanted.click();
      return event.preventDefault();
    }
    // What stands in the card that has the focus comes first; a card without it is not meant.
    const key = `[data-key="${CSS.escape(event.key)}"]`;
    const target = document.activeElement.closest("article")?.querySelector(key) ?? document.querySelector(`${key}:not(article *)`);
    const stops = all("[data-row], .field .pencil");
    const at = stops.findIndex((stop) => stop === document.activeElement || stop.closest(".field, tr, article")?.contains(document.activeElement));
    if (target) target.matches("input") ? target.focus() : target.click();
    else if (event.key === "j") stops[Math.min(at + 1, stops.length - 1)]?.focus();
    else if (event.key === "k") stops[Math.max(at - 1, 0)]?.focus();
    else if (event.key === "e") (document.activeElement.closest(".field")?.querySelector(".pencil") ?? document.querySelector(".pencil"))?.click();
    else return;
    event.preventDefault();
  });

  // Search controls offer titles while somebody types.
  let asking;
  document.addEventListener("input", (event) => {
    const { lookup } = event.target.dataset;
    if (lookup === undefined) return;
    clearTimeout(asking);
    asking = setTimeout(async () => {
      const input = event.target;
      const list = document.getElementById(`${input.id}-list`) ?? input.insertAdjacentElement("afterend", document.createElement("datalist"));
      list.id = `${input.id}-list`;
      input.setAttribute("list", list.id);
      const response = await fetch(`/lookup?${new URLSearchParams({ kinds: lookup, q: input.value })}`);
      if (response.ok) list.innerHTML = await response.text();
    }, 150);
  });

  // A page that answers a form stands under an address that only forms are sent to: it says where it is asked for.
  const { here: told } = mainOf(document)?.dataset ?? {};
  if (told) history.replaceState(null, "", told);

  // What others write. A hidden page holds no connection: browsers grant few of them to one site.
  const watched = mainOf(document)?.dataset.live;
  let events, due;
  const concerns = (news) => news.more || watched === "*" || news.kinds.includes(watched) || news.records.includes(watched);
  function refresh(wait = 100) {
    clearTimeout(due);
    due = setTimeout(() => {
      // Nothing is taken out of anybody's hand.
      if (document.querySelector(".dragged")) return refresh(500);
      load(here(), { flash: true }).catch(() => {});
    }, wait);
  }
  function listen() {
    // From where this page was made: what was written before it listened is told too.
    const { since } = document.body.dataset;
    events = new EventSource(`/events?${new URLSearchParams({ of: watched, ...(since && { after: since }) })}`);
    events.addEventListener("change", (event) => concerns(JSON.parse(event.data)) && refresh());
    // What came to the desk between this page and this connection is told by nobody.
    events.addEventListener("open", () => watched === "*" && refresh());
    events.addEventListener("desk", () => watched === "*" && refresh());
    // A phone came, spoke or was shut out. What it did before this connection is told by nobody.
    for (const told of ["open", "devices"]) events.addEventListener(told, () => watched === "devices" && refresh());
    // Somebody is asked for their word: said on every page that listens, but not where it can be given.
    events.addEventListener("turn", () => {
      document.getElementById("turn").hidden = location.pathname === "/rejected";
      if (watched === "*") refresh();
    });
    events.addEventListener("gone", () => {
      document.dispatchEvent(new Event("signed-out"));
      location.reload();
    });
  }
  window.Rapport = { all, load, go, here, open, isChanged };

  // Days are the reader's: the server is told how far this clock is from UTC now, and where it hangs, for other seasons.
  const place = Intl.DateTimeFormat().resolvedOptions().timeZone;
  // Whoever is signed out is told so in the language that they read.
  if (mainOf(document)) document.cookie = `language=${document.documentElement.lang}; path=/; max-age=31536000; samesite=lax`;
  document.cookie = `zone=${-new Date().getTimezoneOffset()}/${place}; path=/; max-age=31536000; samesite=lax`;
  remember(document.body);
  localise(document);
  document.querySelector(".editing input:not([type=hidden]), .editing select, .editing textarea")?.focus();
  if (watched) {
    listen();
    document.addEventListener("visibilitychange", () => {
      events.close();
      if (!document.hidden) listen(), refresh();
    });
    addEventListener("pagehide", () => events.close());
  }
})();
