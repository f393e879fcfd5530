// Something to play with: sliders choose one of the frames that the build has drawn.
(() => {
  const known = new WeakMap();
  document.documentElement.classList.add("explore-js");

  function framesOf(figure) {
    if (!known.has(figure)) known.set(figure, JSON.parse(figure.querySelector("script.explore-frames").textContent));
    return known.get(figure);
  }

  function update(figure) {
    const { axes, frames } = framesOf(figure);
    let frame = 0;
    figure.querySelectorAll("input[type=range]").forEach((input, i) => {
      const text = axes[i].values[Number(input.value)];
      input.setAttribute("aria-valuetext", text);
      input.parentElement.querySelector("output").textContent = text;
      frame = frame * axes[i].values.length + Number(input.value); // the last axis varies fastest
    });
    const image = figure.querySelector("img");
    image.src = frames[frame].src;
    image.alt = frames[frame].alt;
    say(figure, frame);
  }

  // Only what is new is written, as whatever is written is read aloud.
  function say(figure, frame) {
    const readout = figure.querySelector(".explore-readout");
    const texts = figure.querySelector(".explore-readouts");
    const shown = figure.dataset.frame ?? String(frame); // at first, the page's own
    figure.dataset.frame = frame;
    if (texts && texts.content.children[frame].innerHTML !== readout.innerHTML) {
      readout.replaceChildren(...texts.content.children[frame].cloneNode(true).childNodes);
    } else if (!texts && shown !== String(frame)) {
      readout.textContent = figure.querySelector("img").alt;
    }
  }

  // The other frames are fetched when somebody is about to slide, not with the page.
  function preload(figure) {
    if (figure.dataset.loaded) return;
    figure.dataset.loaded = "true";
    framesOf(figure).frames.forEach(({ src }) => { new Image().src = src; });
  }

  document.addEventListener("input", (event) => {
    const figure = event.target.closest("figure.explore");
    if (figure) update(figure);
  });
  for (const kind of ["focusin", "pointerover"]) {
    document.addEventListener(kind, (event) => {
      const figure = event.target.closest && event.target.closest("figure.explore");
      if (figure) preload(figure);
    });
  }
  // A finger that meant to scroll the page leaves the slider as it was.
  document.addEventListener("pointerdown", ({ target }) => {
    if (target.matches?.("figure.explore input")) target.dataset.held = target.value;
  });
  document.addEventListener("pointercancel", ({ target }) => {
    if (!target.matches?.("figure.explore input") || !target.dataset.held) return;
    target.value = target.dataset.held;
    update(target.closest("figure.explore"));
  });
  // A browser that comes back to the page restores the sliders, not the picture.
  window.addEventListener("pageshow", () => document.querySelectorAll("figure.explore").forEach(update));
})();
