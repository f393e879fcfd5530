// What every page can do: the theme button, the two side columns, the mark in the contents, and scrolling by keyboard.
(() => {
  const root = document.documentElement;
  const darkSystem = matchMedia("(prefers-color-scheme: dark)");
  const wide = matchMedia("(min-width: 992px)");

  function keep(name, value) {
    try { localStorage.setItem(name, value); } catch { /* a browser may forbid it: then nothing is kept */ }
  }

  // Theme: as the system has it, then the other one, then the same for good.
  function setTheme(mode) {
    const theme = mode === "auto" ? (darkSystem.matches ? "dark" : "light") : mode;
    root.dataset.mode = mode;
    root.dataset.theme = theme;
    document.querySelectorAll(".theme-switch-button").forEach((button) => button.setAttribute("aria-label", `Colour theme: ${mode}`));
  }

  function nextTheme() {
    const modes = darkSystem.matches ? ["auto", "light", "dark"] : ["auto", "dark", "light"];
    const mode = modes[(modes.indexOf(root.dataset.mode) + 1) % modes.length];
    keep("mode", mode);
    setTheme(mode);
  }

  // Side columns: on a narrow screen each opens as a dialog over the page.
  function move(from, to) {
    to.append(...from.childNodes);
    const classes = [...from.classList];
    from.classList.remove(...classes);
    to.classList.add(...classes);
  }

  function sideColumn(name) {
    const column = document.getElementById(`pst-${name}-sidebar`);
    const dialog = document.getElementById(`pst-${name}-sidebar-modal`);
    if (!column || !dialog) return;
    document.querySelectorAll(`.${name}-toggle`).forEach((button) => {
      button.addEventListener("click", () => {
        if (name === "primary" && wide.matches) {
          button.setAttribute("aria-expanded", String(!column.classList.toggle("pst-sidebar-hidden")));
          return;
        }
        move(column, dialog);
        const close = dialog.insertAdjacentElement("afterbegin", document.createElement("button"));
        close.className = "sidebar-close";
        close.textContent = "Close ×";
        close.addEventListener("click", () => dialog.close());
        dialog.showModal();
      });
    });
    dialog.addEventListener("close", () => {
      dialog.querySelector(".sidebar-close").remove();
      move(dialog, column);
    });
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog || event.target.closest("a[href]")) dialog.close(); // beside it, or chosen
    });
    wide.addEventListener("change", () => dialog.open && dialog.close());
  }

  // A phone that is turned lays the page out anew: the line that stood at the top is brought back there.
  function keepPlace() {
    const bar = 64; // px that the page's own bar may cover
    let width = innerWidth, place = null, timer = 0;
    const note = () => {
      const at = (y) => document.elementFromPoint(innerWidth / 2, y)?.closest(".bd-article :is(p, li, h1, h2, h3, pre, tr, figure, div.math)");
      const line = at(bar) || at(bar + 24) || at(bar + 48); // there is space between two of them
      place = null;
      if (!line) return;
      const { top, height } = line.getBoundingClientRect();
      place = { line, above: top - bar, part: Math.min(0, (top - bar) / height) };
    };
    const rest = () => {
      clearTimeout(timer);
      timer = setTimeout(note, 100);
    };
    addEventListener("scroll", rest, { passive: true });
    addEventListener("resize", () => {
      if (innerWidth === width) return; // a bar of the browser came or went
      width = innerWidth;
      clearTimeout(timer);
      if (!place?.line.isConnected || scrollY === 0) return;
      const { top, height } = place.line.getBoundingClientRect();
      scrollBy({ top: top - bar - (place.part ? place.part * height : place.above), behavior: "instant" });
    });
  }

  // Contents of the page: mark the section that is being read.
  function followReading() {
    const links = new Map();
    document.querySelectorAll("#pst-page-toc-nav a[href^='#']").forEach((link) => {
      const section = document.getElementById(decodeURIComponent(link.hash.slice(1)));
      if (section) links.set(section, link);
    });
    if (!links.size) return;
    const seen = new Set();
    const observer = new IntersectionObserver((entries) => {
      entries.forEach(({ target, isIntersecting }) => (isIntersecting ? seen.add(target) : seen.delete(target)));
      const current = [...links.keys()].filter((section) => seen.has(section)).pop(); // the innermost comes last
      if (!current) return;
      links.forEach((link, section) => {
        link.classList.toggle("active", section === current);
        if (section === current) link.setAttribute("aria-current", "true");
        else link.removeAttribute("aria-current");
      });
    }, { rootMargin: "-64px 0px -75% 0px" });
    links.forEach((_, section) => observer.observe(section));
  }

  // On which sides of a scroller something is hidden; the style fades it there.
  function showMore(scroller) {
    const hidden = scroller.scrollWidth - scroller.clientWidth;
    if (hidden > 0) scroller.tabIndex = 0;
    const sides = [scroller.scrollLeft > 4 && "left", hidden - scroller.scrollLeft > 4 && "right"].filter(Boolean).join(" ");
    if (sides) scroller.dataset.more = sides;
    else delete scroller.dataset.more;
  }

  // Whatever scrolls by itself can be reached by keyboard. It is measured when it comes near: measuring all would lay out the whole page.
  function focusScrollers() {
    const observer = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) {
        if (!isIntersecting) continue;
        observer.unobserve(target);
        target.addEventListener("scroll", () => showMore(target), { passive: true });
        resized.observe(target); // says its size once at first
      }
    }, { rootMargin: "50%" });
    const resized = new ResizeObserver((entries) => entries.forEach(({ target }) => showMore(target)));
    const scrollers = ".bd-article :is(pre, .katex-display, .cell_output > .output, .ledger, .proofs, .weeks, .pst-scrollable-table-container)";
    document.querySelectorAll(scrollers).forEach((element) => observer.observe(element));
  }

  // Whenever scrolling rests, one more section gets its true height, so that the browser remembers a true place.
  function layOutSections() {
    if (!root.classList.contains("lazy-sections")) return;
    const sections = [...document.querySelectorAll(".bd-article > section > section")];
    let timer = 0;
    const rest = () => {
      clearTimeout(timer);
      timer = setTimeout(() => requestIdleCallback(next, { timeout: 250 }), 100);
    };
    const next = () => {
      const section = sections.shift();
      if (section) {
        section.style.contentVisibility = "visible";
        rest();
        return;
      }
      removeEventListener("scroll", rest);
      root.classList.remove("lazy-sections");
    };
    addEventListener("scroll", rest, { passive: true });
  }

  // All fonts of mathematics are in the style sheet; a browser unpacks one when it is first drawn, which is too late for printing.
  document.fonts.forEach((face) => face.load());
  darkSystem.addEventListener("change", () => setTheme(root.dataset.mode));
  // Paper is white.
  addEventListener("beforeprint", () => { root.dataset.theme = "light"; });
  addEventListener("afterprint", () => setTheme(root.dataset.mode));
  setTheme(root.dataset.mode);
  document.querySelectorAll(".theme-switch-button").forEach((button) => button.addEventListener("click", nextTheme));
  sideColumn("primary");
  sideColumn("secondary");
  followReading();
  focusScrollers();
  layOutSections();
  keepPlace();
  document.querySelectorAll(".copybtn").forEach((button) => button.setAttribute("aria-label", "Copy this code"));
  // Not by scrollIntoView, which also makes the first Tab start from there instead of from the link that skips to the text.
  const side = document.querySelector(".bd-sidebar-primary");
  const here = side?.querySelector(".current.active > a");
  if (here && wide.matches) side.scrollTop += Math.max(0, here.getBoundingClientRect().bottom - side.getBoundingClientRect().bottom);
})();
