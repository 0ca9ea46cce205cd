// While a record is being made, the server says what it is likely the same as, above the form, and what is computed of it,
// below. An element is called like the form's attribute that holds the question's address.
"use strict";
(() => {
  const latest = { likely: 0, foreseen: 0 };
  let due;
  async function ask(form, question) {
    const mine = ++latest[question];
    const response = await fetch(form.dataset[question], { method: "POST", body: new URLSearchParams(new FormData(form)) });
    // An older question that is answered later is no longer of interest.
    if (response.ok && mine === latest[question]) document.getElementById(question).innerHTML = await response.text();
  }
  document.addEventListener("input", (event) => {
    const form = event.target.closest("form[data-likely], form[data-foreseen]");
    if (!form) return;
    clearTimeout(due);
    due = setTimeout(() => Object.keys(latest).filter((question) => form.dataset[question]).forEach((question) => ask(form, question)), 250);
  });
})();
