// The reader's progress: kept in this browser, shown on every page. Nothing here fails where a browser keeps nothing.
window.courseProgress = (() => {
  const KEY = "ml-researcher-foundations:progress";
  const FORMAT = "course-progress", VERSION = 1;
  const DAYS = [1, 3, 7, 16, 35]; // until a question in box 1, 2, … returns
  const SECTIONS = ["chapters", "questions", "assignments"];
  const DATE = /^\d{4}-\d\d-\d\d/;
  let memory = null; // where the browser keeps nothing, progress lasts as long as the page
  let kept = true;

  const empty = () => ({ format: FORMAT, version: VERSION, chapters: {}, questions: {}, assignments: {} });
  const two = (number) => String(number).padStart(2, "0");
  const dayOf = (date) => `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  const today = () => dayOf(new Date());
  function after(days) {
    const date = new Date();
    return dayOf(new Date(date.getFullYear(), date.getMonth(), date.getDate() + days, 12)); // noon: no clock change moves the day
  }

  const isMap = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
  const checks = {
    chapters: (entry) => (DATE.test(entry) ? "" : "is not a day"),
    questions: (entry) => {
      if (!isMap(entry) || typeof entry.stem !== "string" || typeof entry.right !== "boolean") return "has no stem or no right";
      if (!Number.isInteger(entry.box) || entry.box < 1 || entry.box > DAYS.length) return `has no box from 1 to ${DAYS.length}`;
      return DATE.test(entry.due) && DATE.test(entry.answered) ? "" : "has no day in due or answered";
    },
    assignments: (entry) => {
      if (!isMap(entry) || !["score", "best", "max_score"].every((name) => Number.isFinite(entry[name]))) {
        return "has no numbers in score, best and max_score";
      }
      return DATE.test(entry.checked) ? "" : "has no time in checked";
    },
  };

  // Progress from the text of a file; an Error says what is wrong with it.
  function parse(text) {
    let data;
    try {
      data = JSON.parse(text);
    } catch (error) {
      throw new Error(`This file is not JSON (${error.message}).`);
    }
    if (!isMap(data) || data.format !== FORMAT) {
      throw new Error(`This is not a progress file: its "format" is not "${FORMAT}". Choose a file that this page exported, or .autograder/progress.json.`);
    }
    if (data.version !== VERSION) throw new Error(`This file has version ${data.version}; this page reads version ${VERSION}.`);
    const state = empty();
    for (const section of SECTIONS) {
      if (!(section in data)) continue;
      if (!isMap(data[section])) throw new Error(`"${section}" is not a table of entries.`);
      for (const [name, entry] of Object.entries(data[section])) {
        const wrong = checks[section](entry);
        if (wrong) throw new Error(`"${section}", entry "${name}": it ${wrong}.`);
        state[section][name] = entry;
      }
    }
    return state;
  }

  function load() {
    if (memory) return memory;
    let text = null;
    try {
      text = localStorage.getItem(KEY);
    } catch {
      kept = false;
      return (memory = empty());
    }
    if (text === null) return empty();
    try {
      return parse(text);
    } catch {
      store(text, `${KEY}:unreadable`); // kept aside, so that a newer version of the book may still read it
      return empty();
    }
  }

  function store(text, key = KEY) {
    try {
      localStorage.setItem(key, text);
      return true;
    } catch {
      return false;
    }
  }

  function change(edit) {
    const state = load(); // anew, as another tab may have changed it
    edit(state);
    if (!memory && !store(JSON.stringify(state))) {
      kept = false;
      memory = state;
    }
    announce();
  }

  const announce = () => document.dispatchEvent(new CustomEvent("course-progress"));

  function markRead(stem, read) {
    change((state) => {
      if (read) state.chapters[stem] ??= today();
      else delete state.chapters[stem];
    });
  }

  // A first try at a question: into box 1, back to it when wrong, one box on when right and due.
  function answer(stem, question, right) {
    change((state) => {
      const before = state.questions[question];
      const now = { stem, right, answered: today() };
      if (!before || !right) Object.assign(now, { box: 1, due: after(DAYS[0]) });
      else if (before.due <= today()) {
        now.box = Math.min(before.box + 1, DAYS.length);
        now.due = after(DAYS[now.box - 1]);
      } else Object.assign(now, { box: before.box, due: before.due });
      state.questions[question] = now;
    });
  }

  // Add what a file holds to what is here; returns how many entries are new or newer.
  function merge(text) {
    const other = parse(text);
    let count = 0;
    change((state) => {
      for (const [stem, day] of Object.entries(other.chapters)) {
        if (state.chapters[stem] && state.chapters[stem] <= day) continue;
        state.chapters[stem] = day;
        count += 1;
      }
      for (const [id, entry] of Object.entries(other.questions)) {
        const mine = state.questions[id];
        if (mine && (mine.answered > entry.answered || (mine.answered === entry.answered && mine.due >= entry.due))) continue;
        state.questions[id] = entry;
        count += 1;
      }
      for (const [stem, entry] of Object.entries(other.assignments)) {
        const mine = state.assignments[stem];
        const newest = mine && mine.checked > entry.checked ? mine : entry;
        const merged = { ...newest, best: Math.max(entry.best, mine ? mine.best : 0) };
        if (mine && JSON.stringify(mine) === JSON.stringify(merged)) continue;
        state.assignments[stem] = merged;
        count += 1;
      }
    });
    return count;
  }

  // "read", "begun" or "", for a chapter.
  function stateOf(stem, state = load()) {
    if (state.chapters[stem]) return "read";
    const begun = state.assignments[stem] || Object.values(state.questions).some((entry) => entry.stem === stem);
    return begun ? "begun" : "";
  }

  const passed = (entry) => Boolean(entry) && entry.max_score > 0 && entry.best >= entry.max_score;

  // What every page shows: marks in the sidebar and the card, and the button at a chapter's end.
  const LINKS = ".bd-sidebar-primary .bd-links a.internal, .card-facts a";
  function mark() {
    const state = load();
    const own = document.querySelector(".chapter-end")?.dataset.stem;
    for (const link of document.querySelectorAll(LINKS)) {
      const path = link.getAttribute("href") === "#" ? location.pathname : link.pathname;
      const [, folder, stem] = /\/(book|exercises)\/\w+\/(\w+)\.html$/.exec(path) || [];
      if (!stem) continue;
      const name = folder === "book" ? stateOf(stem, state) : passed(state.assignments[stem]) ? "read" : state.assignments[stem] ? "begun" : "";
      if ((link.dataset.progress || "") === name) continue;
      link.dataset.progress = name;
      link.title = name && (folder === "book" ? name : name === "read" ? "passed" : name);
    }
    const button = document.querySelector(".mark-read");
    if (button) {
      button.setAttribute("aria-pressed", String(Boolean(state.chapters[own])));
      button.textContent = state.chapters[own] ? "Read ✓" : "Mark this chapter as read";
    }
  }

  function start() {
    document.documentElement.classList.add("progress-js");
    mark();
    document.addEventListener("course-progress", mark);
    window.addEventListener("storage", (event) => event.key === KEY && announce());
    window.addEventListener("pageshow", (event) => event.persisted && announce());
    const stem = document.querySelector(".chapter-end")?.dataset.stem;
    if (!stem) return;
    document.querySelector(".mark-read").addEventListener("click", () => markRead(stem, !load().chapters[stem]));
    document.addEventListener("quiz-checked", ({ detail }) => detail.first && answer(stem, detail.question, detail.right));
  }

  start();
  return {
    DAYS, load, parse, merge, markRead, answer, stateOf, passed, today,
    clear: () => change((state) => SECTIONS.forEach((section) => (state[section] = {}))),
    isKept: () => kept,
  };
})();
