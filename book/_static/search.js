// Search as one types. The index and Pagefind, which asks it, are fetched when the dialog is first opened.
(() => {
  const dialog = document.getElementById("search-dialog");
  const input = dialog.querySelector("input");
  const list = dialog.querySelector(".search-results");
  const status = dialog.querySelector(".search-status");
  const root = new URL(document.documentElement.dataset.content_root, document.baseURI);
  const served = location.protocol !== "file:"; // a folder can't be asked: then the form leads to Sphinx's own search page
  const SHOWN = 12;
  let engine;
  let asked = 0;

  async function start() {
    const pagefind = await import(new URL("_static/pagefind/pagefind.js", root));
    await pagefind.options({ baseUrl: root.pathname, excerptLength: 16 });
    await pagefind.init();
    return pagefind;
  }

  function open() {
    dialog.showModal();
    input.select();
    if (served) engine ??= start();
    else status.textContent = "Press Enter for the search page.";
  }

  function row({ url, excerpt, meta }) {
    const item = document.createElement("li");
    const link = item.appendChild(document.createElement("a"));
    link.href = url;
    const title = link.appendChild(document.createElement("span"));
    title.className = "search-title";
    title.textContent = meta.page ? `${meta.page} › ${meta.title}` : meta.title;
    const text = link.appendChild(document.createElement("span"));
    text.className = "search-excerpt";
    text.innerHTML = excerpt; // Pagefind has escaped it, and marked the words
    return item;
  }

  async function search() {
    const turn = ++asked;
    const words = input.value.replace(/[^\p{L}\p{N}_\s-]+/gu, " ").trim(); // as the index has them: torch.no_grad is two words
    if (!words) {
      list.replaceChildren();
      status.textContent = "";
      return;
    }
    const answer = await (await engine).debouncedSearch(words, {}, 80);
    if (!answer) return; // more was typed meanwhile
    const found = await Promise.all(answer.results.slice(0, SHOWN).map((result) => result.data()));
    if (turn !== asked) return; // a slow answer must not replace that of a later question
    list.replaceChildren(...found.map(row));
    list.dataset.words = words;
    const count = answer.results.length;
    status.textContent = count ? `${count} ${count === 1 ? "section" : "sections"}` : "Nothing found. Fewer or other words may help.";
  }

  function moveFocus(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    const stops = [input, ...list.querySelectorAll("a")];
    const next = stops[stops.indexOf(document.activeElement) + step];
    if (!next) return;
    event.preventDefault();
    next.focus();
  }

  if (served) {
    input.addEventListener("input", search);
    dialog.addEventListener("keydown", moveFocus);
    dialog.querySelector("form").addEventListener("submit", async (event) => {
      event.preventDefault();
      await search();
      list.querySelector("a")?.click();
    });
  }
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog || event.target.closest("a, .search-close")) dialog.close();
  });
  document.querySelectorAll(".search-button__button").forEach((button) => button.addEventListener("click", open));
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, textarea, [contenteditable]");
    if ((event.key === "k" && (event.ctrlKey || event.metaKey)) || (event.key === "/" && !typing)) {
      event.preventDefault();
      open();
    }
  });
})();
