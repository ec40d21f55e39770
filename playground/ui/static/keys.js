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

  // Escape says no to whatever a row asks.
  function decline(event) {
    if (event.key !== "Escape") return;
    const asked = [...document.querySelectorAll(".asking")].map((row) =>
      [...row.querySelectorAll("button")].filter((button) => button.offsetParent),
    );
    asked.find((buttons) => buttons.length > 1)?.at(-1).click(); // the last one says no
  }

  // What Gradio says to screen readers in English on every page.
  const CHINESE = [
    [/^range slider for (.*)$/, "$1（滑块）"],
    [/^number input for (.*)$/, "$1（数值）"],
    [/^Click to upload or drop files$/, "点此选择文件，或把文件拖到这里"],
    [/^chatbot conversation$/, "对话"],
    [/^Empty value$/, "还没有内容"],
    [/^Reset to default value$/, "恢复默认值"],
    [/^Copy message$|^Copy$/, "复制"],
    [/^Retry$/, "再来一次"],
    [/^Edit$/, "修改"],
    [/^Close$/, "关闭"],
    [/^Gradio footer navigation$/, "页脚"],
  ];

  function speakChinese() {
    if (!navigator.language.startsWith("zh")) return;
    for (const attribute of ["aria-label", "title"]) {
      for (const element of document.querySelectorAll(`[${attribute}]`)) {
        const said = element.getAttribute(attribute);
        const [english, chinese] = CHINESE.find(([words]) => words.test(said)) ?? [];
        if (english) element.setAttribute(attribute, said.replace(english, chinese));
      }
    }
  }

  document.addEventListener("keydown", move);
  document.addEventListener("keydown", decline);
  document.addEventListener("click", chooseLine);
  document.addEventListener("click", skip);
  document.addEventListener("click", () => setTimeout(reachTabs, 50));
  setInterval(() => {
    reachTabs();
    reachScrolling();
    speakChinese();
  }, LOOK_MS);
})();
