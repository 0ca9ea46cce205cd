// The search over everything: results drop down while somebody types; arrows choose, Enter opens, Ctrl+K goes there.
"use strict";
(() => {
  const { all } = Rapport;
  const box = document.querySelector("[data-find]");
  if (!box) return;
  const drop = box.form.querySelector(".found");
  let asking, latest = 0;
  const close = () => { drop.hidden = true; };
  box.addEventListener("input", () => {
    clearTimeout(asking);
    if (!box.value.trim()) return close();
    asking = setTimeout(async () => {
      const turn = ++latest;
      const response = await fetch(`/search?${new URLSearchParams({ q: box.value, brief: true })}`);
      if (!response.ok || turn !== latest) return;
      drop.innerHTML = await response.text();
      drop.hidden = false;
    }, 80);
  });
  box.form.addEventListener("keydown", (event) => {
    const links = all("a", drop);
    const at = links.indexOf(document.activeElement);
    if (event.key === "Escape") return close(), box.focus();
    if (!["ArrowDown", "ArrowUp"].includes(event.key) || !links.length) return;
    event.preventDefault();
    (event.key === "ArrowDown" ? links[at + 1] ?? links[0] : links[at - 1] ?? box).focus();
  });
  document.addEventListener("click", (event) => { if (!box.form.contains(event.target)) close(); });
  document.addEventListener("keydown", (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "k") return;
    event.preventDefault();
    box.focus();
    box.select();
  });
})();
