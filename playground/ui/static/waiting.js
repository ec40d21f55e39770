// Waits tell how long they have taken, and the browser's tab how far a training is.
(() => {
  const EVERY_MS = 1000;
  const SHOWN_AFTER_S = 3; // a wait that is over sooner needs no clock
  const begun = new WeakMap();

  function told(seconds) {
    const unit = (value, name) =>
      new Intl.NumberFormat(navigator.language, { style: "unit", unit: name, unitDisplay: "short" }).format(value);
    const minutes = Math.floor(seconds / 60);
    return (minutes ? `${unit(minutes, "minute")} ` : "") + unit(seconds % 60, "second");
  }

  function secondsOf(element) {
    if (!begun.has(element)) begun.set(element, Date.now() - 1000 * Number(element.dataset.elapsed ?? 0));
    return Math.round((Date.now() - begun.get(element)) / 1000);
  }

  // What the server says has taken so long already goes on from there.
  function countWaits() {
    for (const element of document.querySelectorAll(".since")) element.textContent = told(secondsOf(element));
  }

  // Stop stands there for as long as an answer comes; each time it is a new wait.
  function countAnswers() {
    for (const stop of document.querySelectorAll(".stop-now")) {
      if (!stop.offsetParent) {
        begun.delete(stop);
        delete stop.dataset.waited;
        continue;
      }
      const seconds = secondsOf(stop);
      if (seconds >= SHOWN_AFTER_S) stop.dataset.waited = told(seconds);
    }
  }

  // The share while it trains; once it is done, a mark until somebody looks.
  let base = "";
  let training = false;

  function titleTab() {
    const share = document.querySelector(".run-share");
    const title = share?.getAttribute("aria-label");
    const running = share?.dataset.ended === "no";
    base ||= document.title;
    if (running) document.title = `${share.getAttribute("aria-valuenow")} % · ${title} · ${base}`;
    else if (training && share) document.title = `✓ ${title} · ${base}`;
    else if (document.title !== base && document.hasFocus()) document.title = base;
    training = running || (training && !document.hasFocus());
  }

  setInterval(() => {
    countWaits();
    countAnswers();
    titleTab();
  }, EVERY_MS);
})();
