// Search as one types. The index and Pagefind, which asks it, are fetched when the dialog is first opened.
(() => {
  const dialog = document.getElementById("search-dialog");
  const input = dialog.querySelector("input");
  const list = dialog.querySelector(".search-results");
  const status = dialog.querySelector(".search-status");
  const root = new URL(document.documentElement.dataset.content_root, document.baseURI);
  const served = location.protocol !== "file:"; // a folder can't be asked: then the form leads to Sphinx's own search page
  const SHOWN = 12; // at a time
  const MOST = 48; // so many are looked at; each is a kilobyte to fetch
  let engine;
  let known; // the book's words, frequent ones first
  let turns = 0;

  async function start() {
    const pagefind = await import(new URL("_static/pagefind/pagefind.js", root));
    await pagefind.options({ baseUrl: root.pathname, excerptLength: 16 });
    await pagefind.init();
    known = (await (await fetch(new URL("_static/pagefind/words.txt", root))).text()).split(" ");
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

  const plain = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  const wordsOf = (text) => plain(text).match(/[\p{L}\p{N}_√]+/gu) || [];
  // "-ise" and "-ize" are one.
  const SPELLING = /(\w\w)i([sz])(?=[aei]|$)/g;
  const british = (word) => word.replace(SPELLING, "$1is");
  const otherSpelling = (word) => word.replace(SPELLING, (_, before, sign) => `${before}i${sign === "s" ? "z" : "s"}`);

  // Pagefind also answers with what shares no more than a beginning. Titles come before text, chapters before assignments, whole words
  // before other forms of them; what holds no form of a word is left out.
  function rank({ url, content, meta }, words) {
    const title = wordsOf(meta.title).map(british);
    const text = wordsOf(content).map(british);
    const holds = (all, word) => all.some((one) => one.startsWith(word));
    const alike = (word) => word.slice(0, Math.max(3, word.length - 4));
    const second = url.includes("/exercises/") ? 1 : 0;
    if (words.every((word) => holds(title, word))) return 2 * (meta.page ? 1 : 0) + 4 * second;
    if (words.every((word) => holds(text, word))) return 6 + second;
    return words.every((word) => holds(text, alike(word))) ? 8 + second : Infinity;
  }

  // A word's possessive is the word; a letter counts only where nothing else is asked.
  function asked(text) {
    const words = wordsOf(text.replace(/['’]s\b/g, ""));
    const long = words.filter((word) => word.length > 1);
    return long.length ? long : words;
  }

  // Whether one slip makes one word the other: a letter too many, missing or wrong, or two exchanged.
  function oneSlip(one, other) {
    if (Math.abs(one.length - other.length) > 1) return false;
    let start = 0, end = 0;
    while (start < one.length && one[start] === other[start]) start++;
    while (end < Math.min(one.length, other.length) - start && one.at(-1 - end) === other.at(-1 - end)) end++;
    const [left, right] = [one, other].map((word) => word.slice(start, word.length - end));
    return Math.max(left.length, right.length) < 2 || (left.length === 2 && left === [...right].reverse().join(""));
  }

  // A word that the book has, or that goes on as one, stays; else the most frequent one that is a slip away takes its place.
  const begins = (start) => known.some((one) => one.startsWith(start));
  const mended = (word) => (!/^[a-z]{4,}$/.test(word) || begins(word) ? word : known.find((one) => oneSlip(word, one)) || word);

  async function search() {
    const turn = ++turns;
    const typed = asked(input.value);
    if (!typed.length) {
      list.replaceChildren();
      status.textContent = "";
      return;
    }
    const pagefind = await engine;
    const words = typed.map(mended);
    const answer = await pagefind.debouncedSearch(words.join(" "), {}, 80);
    if (!answer) return; // more was typed meanwhile
    const other = words.map((word) => (begins(otherSpelling(word)) ? otherSpelling(word) : word));
    const more = other.join() === words.join() ? [] : (await pagefind.search(other.join(" "))).results;
    const results = [...new Map([...answer.results, ...more].map((result) => [result.id, result])).values()];
    const seen = await Promise.all(results.slice(0, MOST).map((result) => result.data()));
    if (turn !== turns) return; // a slow answer must not replace that of a later question
    const ranked = seen.map((result) => ({ result, rank: rank(result, words.map(british)) })).filter((one) => one.rank < Infinity);
    const found = ranked.sort((one, other) => one.rank - other.rank).map((one) => one.result); // the sort is stable
    list.replaceChildren();
    list.dataset.words = words.join(" ");
    showMore(found);
    const count = results.length > MOST ? `More than ${found.length}` : found.length;
    const instead = words.join() === typed.join() ? "" : ` for “${words.join(" ")}”`;
    status.textContent = found.length ? `${count} ${count === 1 ? "section" : "sections"}${instead}` : "Nothing found. Fewer or other words may help.";
  }

  function showMore(found) {
    list.querySelector(".search-more")?.parentElement.remove();
    const rows = found.slice(0, SHOWN).map(row);
    list.append(...rows);
    if (found.length <= SHOWN) return rows[0];
    const more = list.appendChild(document.createElement("li")).appendChild(document.createElement("button"));
    more.type = "button";
    more.className = "card-button search-more";
    more.textContent = "Show more";
    more.addEventListener("click", () => showMore(found.slice(SHOWN)).querySelector("a").focus());
    return rows[0];
  }

  function moveFocus(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    const stops = [input, ...list.querySelectorAll("a, button")];
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
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.preventDefault(); // the field would only be emptied
    dialog.close();
  });
  const question = new URLSearchParams(location.search).get("q");
  if (served && question && document.querySelector("#search-results")) { // Sphinx's search page, asked from another site or without this script
    open();
    input.value = question;
    search();
  }
  document.querySelectorAll(".search-button__button").forEach((button) => button.addEventListener("click", open));
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, textarea, [contenteditable]");
    if ((event.key === "k" && (event.ctrlKey || event.metaKey)) || (event.key === "/" && !typing)) {
      event.preventDefault();
      open();
    }
  });
})();
