// What a keyboard and a screen reader need beyond what Gradio gives.
(() => {
  const TAB = "#pages > .tab-wrapper [role=tab]";
  const SCROLLS = ".sideways, .card.scroll, .rail, .chat .bubble-wrap, .words .flow, .strip td > div, .asked";
  const LOOK_MS = 700;

  // One stop for all tabs; arrows go from one to the next, as everywhere.
  function move(event) {
    if (!event.target.matches?.(TAB)) return;
    const tabs = [...document.querySelectorAll(TAB)];
    const at = tabs.indexOf(event.target);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: -1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const tab = tabs.at(to % tabs.length);
    tab.focus();
    tab.click();
  }

  function reachTabs() {
    for (const tab of document.querySelectorAll(TAB)) {
      const stop = tab.getAttribute("aria-selected") === "true" ? 0 : -1;
      if (tab.tabIndex !== stop) tab.tabIndex = stop;
    }
  }

  // What scrolls by itself must be reached to be read to its end.
  function reachScrolling() {
    for (const place of document.querySelectorAll(SCROLLS)) {
      const scrolls = place.scrollHeight > place.clientHeight + 1 || place.scrollWidth > place.clientWidth + 1;
      if (scrolls && !place.hasAttribute("tabindex")) place.tabIndex = 0;
      else if (!scrolls && place.getAttribute("tabindex") === "0") place.removeAttribute("tabindex");
    }
  }

  function skip(event) {
    if (!event.target.closest?.(".skip")) return;
    event.preventDefault();
    const panel = [...document.querySelectorAll("#pages > .tabitem")].find((one) => one.offsetParent);
    if (!panel) return;
    panel.tabIndex = -1;
    panel.focus();
  }

  // In a table of lines the bars of the one that is chosen stand above.
  function chooseLine(event) {
    const row = event.target.closest?.(".line-row");
    if (!row) return;
    const rows = [...row.parentElement.querySelectorAll(".line-row")];
    rows.forEach((one) => one.setAttribute("aria-current", String(one === row)));
    const bars = row.closest(".by-base, .by-taught").querySelectorAll(".of-line");
    bars.forEach((one, place) => (one.hidden = place !== rows.indexOf(row)));
  }

  document.addEventListener("keydown", move);
  document.addEventListener("click", chooseLine);
  document.addEventListener("click", skip);
  document.addEventListener("click", () => setTimeout(reachTabs, 50));
  setInterval(() => {
    reachTabs();
    reachScrolling();
  }, LOOK_MS);
})();
