// The roadmap: colours from the reader's progress, and what a topic rests on when one points at it.
(() => {
  const progress = window.courseProgress;

  function colour() {
    const state = progress.load();
    for (const box of document.querySelectorAll(".map a.written")) {
      const now = progress.stateOf(box.dataset.topic, state);
      if ((box.dataset.progress || "") === now) continue;
      box.dataset.progress = now;
      box.dataset.label ??= box.getAttribute("aria-label");
      box.setAttribute("aria-label", now ? `${box.dataset.label} You have ${now === "read" ? "read" : "begun"} it.` : box.dataset.label);
    }
    for (const part of document.querySelectorAll(".parts li")) {
      const stems = part.dataset.stems.split(" ").filter(Boolean);
      const read = stems.filter((stem) => state.chapters[stem]).length;
      part.querySelector(".part-bar span").style.width = `${(100 * read) / Number(part.dataset.topics)}%`;
      part.querySelector(".part-done").textContent = read ? `${read} read, ` : "";
    }
  }

  function setUp(map, trace) {
    const boxes = new Map([...map.querySelectorAll("a")].map((box) => [box.dataset.topic, box]));
    const lines = [...map.querySelectorAll(".map-lines path")];
    const invitation = [...trace.childNodes];
    const touched = matchMedia("(hover: none)");
    let tapped = null;

    // All that a topic rests on, directly or not.
    function before(topic, found = new Set()) {
      for (const line of lines) {
        if (line.dataset.to !== topic || found.has(line.dataset.from)) continue;
        found.add(line.dataset.from);
        before(line.dataset.from, found);
      }
      return found;
    }

    function show(topic) {
      const rests = before(topic);
      const unlocks = new Set(lines.filter((line) => line.dataset.from === topic).map((line) => line.dataset.to));
      map.classList.add("tracing");
      trace.classList.add("tracing");
      for (const [name, box] of boxes) {
        box.classList.toggle("on", name === topic || rests.has(name));
        box.classList.toggle("next", unlocks.has(name));
      }
      for (const line of lines) {
        const { from, to } = line.dataset;
        line.classList.toggle("on", rests.has(from) && (to === topic || rests.has(to)));
        line.classList.toggle("next", from === topic);
      }
      const title = boxes.get(topic).querySelector(".map-title").textContent;
      const link = document.createElement("a");
      link.href = boxes.get(topic).getAttribute("href");
      link.textContent = boxes.get(topic).matches(".written") ? "Open it" : "See its line in the list";
      trace.textContent = `${title} rests on ${rests.size} ${rests.size === 1 ? "topic" : "topics"} in all and directly unlocks ${unlocks.size}. `;
      if (touched.matches) trace.append(link);
    }

    function hide() {
      tapped = null;
      map.classList.remove("tracing");
      trace.classList.remove("tracing");
      for (const element of [...boxes.values(), ...lines]) element.classList.remove("on", "next");
      trace.replaceChildren(...invitation);
    }

    const topicOf = (event) => event.target.closest?.("a[data-topic]")?.dataset.topic;
    const byMouse = (event) => event.pointerType === "mouse";
    map.addEventListener("pointerover", (event) => byMouse(event) && topicOf(event) && show(topicOf(event)));
    map.addEventListener("pointerleave", (event) => byMouse(event) && hide());
    // A first tap shows, a second one on the same topic follows its link; a tap beside the topics hides.
    map.addEventListener("click", (event) => {
      if (!touched.matches || event.detail === 0) return; // a key: opens at once
      const topic = topicOf(event);
      if (!topic) return hide();
      if (topic !== tapped) event.preventDefault();
      show(topic);
      tapped = topic;
    });
    map.addEventListener("focusin", (event) => topicOf(event) && show(topicOf(event)));
    map.addEventListener("focusout", () => touched.matches || hide()); // by touch, the focus goes to the link
  }

  for (const roadmap of document.querySelectorAll(".roadmap")) {
    for (const map of roadmap.querySelectorAll(".map")) setUp(map, roadmap.querySelector(".map-trace"));
  }
  document.addEventListener("course-progress", colour);
  colour();
})();
