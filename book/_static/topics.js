// The index of topics: as one types, only entries that hold every word stay.
(() => {
  const query = document.querySelector("#topics-query");
  const count = document.querySelector(".topics-count");
  const search = document.querySelector(".topics-search");
  const page = search.getAttribute("href");
  const plain = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  const groups = [...document.querySelectorAll(".topic-group")].map((group) => ({
    group,
    link: document.querySelector(`#pst-page-toc-nav a[href="#${group.querySelector("h2").id}"]`),
    items: [...group.querySelectorAll("li")].map((item) => ({ item, text: plain(item.textContent) })),
  }));
  const letters = document.querySelector(".topics-letters");

  function filter() {
    const words = plain(query.value).split(/\s+/).filter(Boolean);
    let left = 0;
    for (const { group, link, items } of groups) {
      let here = 0;
      for (const { item, text } of items) {
        item.hidden = !words.every((word) => text.includes(word));
        here += item.hidden ? 0 : 1;
      }
      group.hidden = !here;
      if (link) link.parentElement.hidden = !here;
      left += here;
    }
    letters.hidden = words.length > 0;
    search.hidden = !words.length;
    search.href = `${page}?q=${encodeURIComponent(query.value)}`;
    count.textContent = `${left} ${left === 1 ? "entry" : "entries"}`;
  }

  query.addEventListener("input", filter);
  document.documentElement.classList.add("topics-js");
  filter(); // a browser that comes back to the page restores what was typed
})();
