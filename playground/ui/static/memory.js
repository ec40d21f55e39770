// What the page remembers of a visit, in this browser alone: so a reload, the Back button and a crash lose nothing.
Object.assign(window.playground, (() => {
  const NAME = "playground_visit";
  const LOOK_MS = 400;
  // A reload of an app that has another shape of these begins anew.
  const SHAPE = 2;

  function read() {
    try {
      const kept = JSON.parse(localStorage.getItem(NAME));
      return kept?.shape === SHAPE ? kept : {};
    } catch {
      return {}; // Private windows may forbid to look, and nothing promises that it is whole.
    }
  }

  const before = read();
  const now = { shape: SHAPE, boxes: { ...before.boxes }, chat: before.chat, choice: before.choice };
  let written = "";
  let forgotten = false;

  function write() {
    const text = JSON.stringify(now);
    if (forgotten || text === written) return;
    written = text;
    try {
      localStorage.setItem(NAME, text);
    } catch {
      // Full or forbidden: then it holds for as long as the page is open.
    }
  }

  function forget() {
    forgotten = true;
    try {
      localStorage.removeItem(NAME);
    } catch {
      // What could not be kept need not be removed.
    }
  }

  // The chat: conversations and signatures of both halves, and whose answer was cut. Before it is put back, nothing of the empty page is kept.
  let chatIsBack = false;

  function keptChat() {
    chatIsBack = true;
    if (!before.chat) return Array(6).fill(undefined);
    return [...before.chat, window.playground.shown(Boolean(before.chat.at(-1)?.who))];
  }

  function keepChat(...halves) {
    if (chatIsBack) now.chat = halves;
  }

  // Who answers. The server says whether that adapter is still there; only then is it known what was chosen.
  let choiceIsBack = false;

  function keptPick(picked) {
    return [picked, choiceIsBack ? {} : { pick: before.choice?.[0] }];
  }

  function keptStrength() {
    return [before.choice?.[1], before.choice?.[2]];
  }

  function choiceBack() {
    choiceIsBack = true;
  }

  function keepChoice(...choice) {
    if (choiceIsBack) now.choice = choice;
  }

  // What somebody typed, by its box; what a box held by itself is none of that. A tab's boxes are drawn when it opens.
  const typed = new Set(Object.keys(now.boxes));
  const waiting = new Map(Object.entries(now.boxes));
  const MAY_BE_FILLED_MS = 2500; // the page offers values of its own for a run, and may do so a moment after the box is there
  const putAt = new Map();
  let putting = false;

  function put(found, id, text) {
    if (!putAt.has(id)) putAt.set(id, Date.now());
    if (!id.startsWith("teach-") || Date.now() - putAt.get(id) > MAY_BE_FILLED_MS) waiting.delete(id);
    if (found.value === text) return;
    putting = true;
    found.value = text;
    found.dispatchEvent(new Event("input", { bubbles: true })); // as Gradio learns of it
    putting = false;
  }

  function box(id) {
    return document.querySelector(`#${CSS.escape(id)} :is(textarea, input)`);
  }

  function lookAtBoxes() {
    for (const [id, text] of waiting) {
      const found = box(id);
      if (found && !found.disabled) put(found, id, text);
    }
    for (const id of typed) {
      const found = waiting.has(id) ? null : box(id);
      if (found?.value) now.boxes[id] = found.value;
      else if (found) delete now.boxes[id];
    }
  }

  document.addEventListener("input", (event) => {
    const id = event.target.matches("#pages :is(textarea, input[type=text])") ? boxOf(event.target) : "";
    if (!id || putting) return;
    typed.add(id);
    waiting.delete(id);
  });

  // Only what has a name of its own is the same after a reload; keys, and what is asked just once, are not kept.
  function boxOf(field) {
    const id = field.closest(".block[id]")?.id ?? "";
    return /^(component|once)-|key$/.test(id) ? "" : id;
  }

  // What was written for a run is not meant for the next.
  function forgetBoxes(beginning) {
    for (const id of [...typed].filter((one) => one.startsWith(beginning))) {
      typed.delete(id);
      waiting.delete(id);
      delete now.boxes[id];
    }
  }

  // Each tab is an address, and Back goes to the one before.
  const TAB = "#pages > .tab-wrapper [role=tab]";

  function openTab(name) {
    const tab = [...document.querySelectorAll(TAB)].find((one) => one.dataset.tabId === name);
    if (tab && tab.getAttribute("aria-selected") !== "true") tab.click();
  }

  function named() {
    return decodeURIComponent(location.hash.slice(1));
  }

  let opened = "";

  function lookAtTabs() {
    const tabs = [...document.querySelectorAll(TAB)];
    const selected = tabs.find((tab) => tab.getAttribute("aria-selected") === "true")?.dataset.tabId;
    if (!selected) return;
    if (!opened) { // somebody may have opened another one already
      opened = tabs[0].dataset.tabId;
      if (named()) {
        openTab(named());
        return;
      }
    }
    if (selected === opened) return;
    opened = selected;
    if (selected === (named() || tabs[0].dataset.tabId)) return;
    history.pushState(null, "", `${location.pathname}${location.search}#${selected}`);
  }

  addEventListener("popstate", () => {
    const first = document.querySelector(TAB)?.dataset.tabId;
    openTab(named() || first);
  });

  function look() {
    lookAtTabs();
    lookAtBoxes();
    write();
  }

  setInterval(look, LOOK_MS);
  addEventListener("pagehide", look);
  document.addEventListener("click", (event) => {
    if (event.target.closest?.(TAB)) setTimeout(look);
    // Whoever signs out leaves nothing in the browser for the next one.
    if (event.target.closest?.("#account form button")) forget();
  });

  return { choiceBack, forget, forgetBoxes, keepChat, keepChoice, keptChat, keptPick, keptStrength };
})());
