// While a record is being made, those that it is likely the same as are offered above the form.
"use strict";
(() => {
  let due, latest = 0;
  document.addEventListener("input", (event) => {
    const form = event.target.closest("form[data-likely]");
    if (!form) return;
    clearTimeout(due);
    due = setTimeout(async () => {
      const mine = ++latest;
      const response = await fetch(form.dataset.likely, { method: "POST", body: new URLSearchParams(new FormData(form)) });
      // An older question that is answered later is no longer of interest.
      if (response.ok && mine === latest) document.getElementById("likely").innerHTML = await response.text();
    }, 250);
  });
})();
