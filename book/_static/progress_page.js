// The progress page: numbers at a glance, the checklist, export and import.
(() => {
  const progress = window.courseProgress;
  const items = [...document.querySelectorAll(".checklist li[data-stem]")];
  const questions = JSON.parse(document.querySelector(".review-data").textContent);
  const status = document.querySelector(".carry-status");
  const say = (text, failed) => {
    status.textContent = text;
    status.dataset.state = failed ? "wrong" : "right";
  };

  function rightIn(stem, state) {
    return (questions[stem]?.questions || []).filter((id) => state.questions[id]?.right).length;
  }

  function showItem(item, state) {
    const { stem } = item.dataset;
    const box = item.querySelector("input");
    box.disabled = false;
    box.checked = Boolean(state.chapters[stem]);
    item.querySelector(".check-read").textContent = box.checked ? state.chapters[stem] : "read";
    item.dataset.progress = progress.stateOf(stem, state);
    const asked = questions[stem]?.questions.length || 0;
    const tried = (questions[stem]?.questions || []).some((id) => state.questions[id]);
    item.querySelector(".check-quiz").textContent = tried ? `${rightIn(stem, state)} of ${asked} right` : `${asked} questions`;
    const result = item.querySelector(".check-result");
    const entry = state.assignments[stem];
    if (result) result.textContent = entry ? `Assignment: ${entry.best} of ${entry.max_score} points${progress.passed(entry) ? " ✓" : ""}` : "Assignment";
  }

  function show() {
    const state = progress.load();
    for (const item of items) {
      showItem(item, state);
      item.querySelector("input").setAttribute("aria-label", `I have read ${item.querySelector(".check-title").textContent}`);
    }
    const known = Object.values(questions).flatMap((chapter) => chapter.questions);
    const counts = {
      read: items.filter((item) => state.chapters[item.dataset.stem]).length,
      right: known.filter((id) => state.questions[id]?.right).length,
      passed: items.filter((item) => progress.passed(state.assignments[item.dataset.stem])).length,
      due: known.filter((id) => state.questions[id] && state.questions[id].due <= progress.today()).length,
    };
    for (const [name, count] of Object.entries(counts)) document.querySelector(`[data-count="${name}"] b`).textContent = count;
    document.querySelector(".progress-note").textContent = progress.isKept()
      ? ""
      : "This browser keeps nothing for this page, so your progress ends with it. Export it before you leave.";
  }

  for (const item of items) {
    item.querySelector("input").addEventListener("change", (event) => progress.markRead(item.dataset.stem, event.target.checked));
  }

  document.querySelector(".carry-export").addEventListener("click", () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([`${JSON.stringify(progress.load(), null, 1)}\n`], { type: "application/json" }));
    link.download = `course-progress-${progress.today()}.json`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    say(`Exported to ${link.download}.`);
  });

  document.querySelector(".carry-import").addEventListener("change", async (event) => {
    const [file] = event.target.files;
    event.target.value = ""; // so that the same file can be chosen again
    if (!file) return;
    try {
      const count = progress.merge(await file.text());
      say(count ? `Imported ${count} new or newer entries from ${file.name}.` : `${file.name} holds nothing new.`);
    } catch (error) {
      say(`${file.name} was not imported, and nothing has changed. ${error.message}`, true);
    }
  });

  document.querySelector(".carry-clear").addEventListener("click", () => {
    if (!window.confirm("Forget all that this browser knows of your progress? Export it first to keep it.")) return;
    progress.clear();
    say("Cleared.");
  });

  document.addEventListener("course-progress", show);
  show();
})();
