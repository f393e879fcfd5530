// Spaced review: the due questions one by one. A chapter's questions are loaded when one of them is wanted.
window.courseReview = (() => {
  const progress = window.courseProgress;
  const root = document.querySelector(".review");
  const [status, card, next] = [".review-status", ".review-card", ".review-next"].map((name) => root.querySelector(name));
  const chapters = JSON.parse(root.querySelector(".review-data").textContent);
  const loading = new Map(); // stem → promise of its questions
  const arrived = new Map();
  let current = null; // the question that is shown
  let ahead = false; // whether the reader asked for questions before they are due

  // Called by the scripts in _static/review/.
  const add = (stem, forms) => arrived.set(stem, forms);

  function formsOf(stem) {
    if (!loading.has(stem)) {
      loading.set(stem, new Promise((resolve, reject) => {
        const script = document.createElement("script");
        script.src = `${root.dataset.bank}/${stem}.js`;
        script.onload = () => resolve(arrived.get(stem) || {});
        script.onerror = () => reject(new Error(`The questions of ${chapters[stem].title} could not be loaded; reload the page.`));
        document.head.append(script);
      }));
    }
    return loading.get(stem);
  }

  // Questions that were answered and still exist, the longest due first.
  function waiting() {
    const state = progress.load();
    const known = Object.entries(chapters).flatMap(([stem, { questions }]) => questions.map((id) => ({ stem, id })));
    return known
      .filter(({ id }) => state.questions[id])
      .map((item) => ({ ...item, due: state.questions[item.id].due }))
      .sort((a, b) => a.due.localeCompare(b.due) || a.id.localeCompare(b.id));
  }

  const isDue = ({ due }) => due <= progress.today();

  function overview() {
    if (current) return;
    const all = waiting();
    const due = all.filter(isDue).length;
    next.hidden = !all.length;
    next.textContent = due ? "Start" : "Practise ahead";
    if (due) status.textContent = `${due} ${due === 1 ? "question is" : "questions are"} due today.`;
    else if (all.length) status.textContent = `Nothing is due. The next question returns on ${all[0].due}.`;
    else status.textContent = "Nothing to review yet: answer a chapter's quiz first.";
  }

  async function show() {
    const done = current;
    const queue = waiting().filter((item) => (ahead || isDue(item)) && item.id !== done?.id);
    current = queue[0] || null;
    card.replaceChildren();
    if (!current) {
      ahead = false;
      overview();
      next.focus();
      return;
    }
    try {
      const forms = await formsOf(current.stem);
      card.innerHTML = `<p class="review-from">From <a></a></p><div class="quiz">${forms[current.id] || ""}</div>`;
    } catch (error) {
      status.textContent = error.message;
      current = null;
      return;
    }
    const link = card.querySelector(".review-from a");
    link.href = chapters[current.stem].href;
    link.textContent = chapters[current.stem].title;
    status.textContent = `${queue.length} left.`;
    next.hidden = true;
    card.querySelector("input")?.focus();
  }

  next.addEventListener("click", () => {
    if (!current) ahead = !waiting().some(isDue);
    show();
  });

  card.addEventListener("quiz-checked", ({ detail }) => {
    if (detail.first) {
      progress.answer(current.stem, detail.question, detail.right);
      const { box, due } = progress.load().questions[detail.question];
      status.textContent = `Box ${box} of ${progress.DAYS.length}: it returns on ${due}.`;
    }
    next.hidden = false;
    next.textContent = "Next";
    // A right answer is done with; after a wrong one the reader may want to try on.
    if (detail.right) next.focus();
  });

  document.addEventListener("course-progress", overview);
  overview();
  return { add };
})();
