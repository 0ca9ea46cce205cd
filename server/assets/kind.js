// While a kind is being made, what it takes from its fields is chosen among the fields as they are typed.
"use strict";
(() => {
  const { all } = Rapport;
  const languages = document.documentElement.lang.startsWith("zh") ? ["zh", "en"] : ["en", "zh"];

  // A field as it stands in the form: it is meant by its name, and before it has one by its place.
  function read(field) {
    const own = field.querySelector("[name$='.name']");
    const part = (name) => field.querySelector(`[name="${own.name.replace(/name$/, name)}"]`);
    const labels = languages.map((language) => part(`label_${language}`).value.trim());
    const isUsed = !part("hidden")?.checked && !field.querySelector(".kind-part");
    return { value: own.value || `#${own.name.split(".")[1]}`, label: labels[0] || labels[1], type: isUsed ? part("type").value : "" };
  }

  function redraw(select, fields) {
    const types = select.dataset.fits.split(" ");
    const fitting = fields.filter(({ label, type }) => label && types.includes(type));
    const wanted = fitting.map(({ value, label }) => new Option(label, value));
    const said = (options) => options.map((option) => `${option.value} ${option.text}`).join("\n");
    if (said([...select.options].slice(1)) === said(wanted)) return;
    const chosen = select.value;
    select.replaceChildren(select.options[0], ...wanted);
    select.value = fitting.some(({ value }) => value === chosen) ? chosen : "";
  }

  document.addEventListener("input", (event) => {
    const form = event.target.closest(".kind-field")?.closest("form");
    if (!form) return;
    const fields = all(".kind-field", form).map(read);
    for (const select of all("select[data-fits]", form)) redraw(select, fields);
  });
})();
