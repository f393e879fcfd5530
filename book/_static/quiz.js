// Quizzes: on "Check", show the feedback of the chosen answers. The feedback itself is in the page (<details>).
(() => {
  if (window.courseQuiz) return; // JupyterLab runs this once for every quiz it shows
  window.courseQuiz = true;
  document.documentElement.classList.add("quiz-js");

  function verdict(form) {
    const key = [...form.querySelectorAll(".quiz-key li")];
    const inputs = [...form.querySelectorAll("input")];
    const chosen = inputs.filter((input) => input.checked);
    if (!chosen.length) return { state: "open", text: "Choose an answer first.", why: [] };
    const right = (input) => key[Number(input.value)].dataset.correct === "true";
    const wrong = chosen.filter((input) => !right(input));
    const why = (wrong.length ? wrong : chosen).map((input) => key[Number(input.value)].querySelector(".quiz-why"));
    if (wrong.length) return { state: "wrong", text: "Not quite.", why };
    if (chosen.length < inputs.filter(right).length) return { state: "open", text: "Right so far; there is more.", why };
    return { state: "right", text: "Right.", why };
  }

  document.addEventListener("submit", (event) => {
    const form = event.target.closest(".quiz-question");
    if (!form) return;
    event.preventDefault();
    const { state, text, why } = verdict(form);
    const feedback = form.querySelector(".quiz-feedback");
    const heading = document.createElement("strong");
    heading.textContent = text;
    // Cloned nodes keep mathematics that the page has typeset.
    feedback.replaceChildren(heading, ...why.flatMap((node) => [" ", node.cloneNode(true)]));
    form.dataset.state = state;
    if (state === "open") return;
    const detail = { question: form.dataset.question, right: state === "right", first: !form.dataset.tried };
    if (detail.first) form.dataset.tried = state;
    form.dispatchEvent(new CustomEvent("quiz-checked", { bubbles: true, detail }));
    summarise(form.closest(".quiz"));
  });

  // Once every question was tried: how many were right at the first try.
  function summarise(quiz) {
    const score = quiz.querySelector(".quiz-score"); // a question on its own, in the review, has none
    const forms = [...quiz.querySelectorAll(".quiz-question")];
    if (!score || !forms.every((form) => form.dataset.tried)) return;
    const right = forms.filter((form) => form.dataset.tried === "right").length;
    score.textContent = `${right} of ${forms.length} right at the first try.`;
  }

  document.addEventListener("change", (event) => {
    const form = event.target.closest(".quiz-question");
    if (!form) return;
    const feedback = form.querySelector(".quiz-feedback");
    delete form.dataset.state;
    // What stands below stays where it is, until the next answer says otherwise.
    feedback.style.minHeight = `${feedback.offsetHeight}px`;
    feedback.replaceChildren();
  });
})();
