// What was typed is not lost with a session: when a form that is sent, or that is open, ends at the sign-in page, this tab keeps
// it, and puts it back once when the same person sees the same form again. Never a form that asks for a secret.
"use strict";
(() => {
  const { all, isChanged, open } = Rapport;
  const KEY = "draft";
  const CHARS_MAX = 200_000;
  const SECRET = "[type=password], [autocomplete=one-time-code], [autocomplete$=-password]";
  // What a field was when its form was opened goes with it: what others wrote since is not written over unasked.
  const KEPT = "input[name]:not([type=hidden], [type=file]), input[name=seen], textarea[name], select[name]";
  const main = document.getElementById("main");
  const who = document.body.dataset.who;

  const drop = () => sessionStorage.removeItem(KEY);
  const addressOf = (form) => form.getAttribute("action") ?? location.pathname;
  const forms = () => all("#main form[method=post]").filter((form) => !form.querySelector(SECRET));
  const alike = (address) => forms().filter((form) => addressOf(form) === address);
  const same = (form, kept) => all(KEPT, form).filter((control) => control.name === kept.name && (!kept.box || control.value === kept.value));

  function valuesOf(form) {
    const seen = new Map();
    return all(KEPT, form).map((control) => {
      const box = ["checkbox", "radio"].includes(control.type);
      const key = box ? `${control.name} ${control.value}` : control.name;
      const at = seen.get(key) ?? 0;
      seen.set(key, at + 1);
      const chosen = control.localName === "select" && [...control.selectedOptions].map((option) => option.value);
      return { name: control.name, at, box, value: control.value, checked: box && control.checked, chosen };
    });
  }

  function keep(form) {
    const address = addressOf(form);
    const draft = JSON.stringify({ who, address, at: alike(address).indexOf(form), values: valuesOf(form) });
    try {
      if (draft.length <= CHARS_MAX) return sessionStorage.setItem(KEY, draft);
    } catch {
      // A browser that keeps nothing loses it, as before.
    }
    drop();
  }

  function put(form, values) {
    for (const kept of values) {
      const control = same(form, kept)[kept.at];
      if (!control) continue;
      if (kept.box) control.checked = kept.checked;
      else if (kept.chosen) for (const option of control.options) option.selected = kept.chosen.includes(option.value);
      else control.value = kept.value;
      if (isChanged(control)) for (let fold = control.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
    }
    document.getElementById("again").hidden = false;
    form.querySelector("input:not([type=hidden]), textarea, select")?.focus();
  }

  // The form of one field stands behind its pencil.
  async function reopen(address) {
    const field = /\/fields\/([^/?]+)$/.exec(address)?.[1];
    const link = field && all("a[data-edit]").find((pencil) => new URL(pencil.href).searchParams.get("edit") === field);
    if (link) await open(link);
  }

  async function restore() {
    const draft = JSON.parse(sessionStorage.getItem(KEY) ?? "null");
    // Without the way over the sign-in page the form was answered. What somebody else typed is not shown.
    if (!draft?.out || draft.who !== who) return drop();
    const find = () => alike(draft.address)[draft.at];
    if (!find()) await reopen(draft.address);
    const form = find();
    if (!form) return;
    drop();
    put(form, draft.values);
  }

  if (location.pathname.startsWith("/sign-in")) {
    const draft = sessionStorage.getItem(KEY);
    if (draft) sessionStorage.setItem(KEY, JSON.stringify({ ...JSON.parse(draft), out: true }));
  } else if (main && who) restore();

  let sent;
  document.addEventListener("submit", ({ target: form }) => {
    if (form.getAttribute("action") === "/sign-out") return drop();
    if (!forms().includes(form)) return;
    sent = form;
    keep(form);
  }, true);
  // The script goes to the sign-in page, or finds that the session is over: what is open there was not sent.
  document.addEventListener("signed-out", () => {
    const form = forms().find((one) => all(KEPT, one).some(isChanged)) ?? (sent?.isConnected ? sent : undefined);
    if (form) keep(form);
    else drop();
  });
})();
