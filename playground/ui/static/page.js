// What the page's events do in the browser alone; `playground.ui.events.in_browser` calls these by name.
window.playground = (() => {
  const YEAR_S = 31536000;

  // Keeps a choice for the next visit; where that is forbidden, as in private windows, it holds for this one.
  function keep(name, value) {
    try {
      localStorage.setItem(name, value);
    } catch {
      // Nothing is lost but the memory of it.
    }
  }

  function stored(name) {
    try {
      return localStorage.getItem(name);
    } catch {
      return null;
    }
  }

  // Our classes stand on the page and not on `body`: Gradio gives every rule of ours a second, stronger form for what is
  // inside its page only.
  function page() {
    return document.querySelector("#bar").parentElement;
  }

  // Gradio's own copy buttons copy one component; ours take from the first of these places that is there.
  async function copy(...selectors) {
    const found = selectors.map((selector) => document.querySelector(selector)).find((place) => place);
    const text = found ? (found.value ?? found.innerText) : "";
    if (text) await copyText(text);
  }

  async function copyText(text) {
    if (navigator.clipboard) {
      await navigator.clipboard.writeText(text);
      return;
    }
    // The clipboard proper is there on https and localhost only.
    const hidden = document.body.appendChild(document.createElement("textarea"));
    hidden.value = text;
    hidden.select();
    document.execCommand("copy");
    hidden.remove();
  }

  // A download button that is seen would need its file before it is clicked; so it is hidden, and this fetches its file.
  function download(file) {
    const link = document.createElement("a");
    link.href = file.url;
    link.download = file.orig_name || "";
    document.body.append(link);
    link.click();
    link.remove();
  }

  // With an adapter the picker is green, and strength and Compare can be used; Compare shows the base model's half.
  // Updates for strength and Compare. In the browser, so that it is seen at once.
  function showChoice(picked, compare) {
    const taught = picked !== "base" && picked !== "plain";
    page().classList.toggle("taught", taught);
    page().classList.toggle("comparing", taught && compare);
    const usable = { __type__: "update", interactive: taught };
    return [usable, usable];
  }

  // Puts an example's values into an event's outputs, on a Chinese page the Chinese ones where the model speaks it; null
  // leaves one as it is.
  function put(english, chinese, speaks) {
    const values = speaks?.chinese && navigator.language.startsWith("zh") ? chinese : english;
    return values.map((value) => value ?? undefined);
  }

  // As if somebody had; nothing is pressed while another takes the button's place.
  function press(id) {
    document.getElementById(id)?.click();
  }

  function pressIf(id, { wanted }) {
    if (wanted) press(id);
  }

  // What one of the named styles sets, at once: from the server it could come after what a visitor set meanwhile.
  function preset(presets, style) {
    return presets[style];
  }

  function shown(visible) {
    return { __type__: "update", visible };
  }

  // The chat with its note, or the text; the list of corrections closes with either.
  function showMode(mode) {
    const chats = mode === "chat";
    return [shown(chats), shown(chats), shown(!chats), shown(false)];
  }

  // Puts offered values, by place, into those of the `count` fields that still hold what was put there last: what
  // differs is the visitor's. Compared and set in one go: on the way to the server and back somebody may have typed.
  // What is put there now, and the fields.
  function adopt(count, offered, put, ...fields) {
    const same = (one, other) => JSON.stringify(one ?? "") === JSON.stringify(other ?? "");
    const now = fields.slice(0, count);
    const news = now.map((value, place) => (same(value, put[place]) ? offered[place] : undefined));
    return [now.map((_, place) => (news[place] === undefined ? put[place] : news[place])), ...news];
  }

  // Counts all fields as filled by the page again, whatever they hold.
  function takeBack(count, ...fields) {
    return [fields.slice(0, count)];
  }

  // The shaded words stand under every answer all the time; the switch only shows them.
  function showWords(on) {
    page().classList.toggle("shows-words", on);
  }

  // Of what was noticed in a file, the line that was pressed, and the row that it leads to first.
  let lead = [];
  document.addEventListener("click", (event) => {
    const pressed = event.target.closest?.("button.lead");
    if (!pressed) return;
    lead = [Number(pressed.dataset.lead), Number(pressed.dataset.row)];
    press("row-lead");
  });

  function takeLead(_, draft) {
    return [lead, draft];
  }

  // Rows that are pasted into the small table itself: Gradio would put them into a single cell, or nowhere.
  document.addEventListener(
    "paste",
    (event) => {
      const text = event.clipboardData?.getData("text/plain") ?? "";
      const box = document.querySelector("#made-paste textarea");
      if (!box || !event.target.closest?.("#made-table") || !/\t|\n.*\S/.test(text)) return;
      event.preventDefault();
      event.stopPropagation();
      box.value = text;
      box.dispatchEvent(new Event("input", { bubbles: true }));
      setTimeout(() => press("put-pasted")); // once Gradio has the text
    },
    true,
  );

  // What leads to a row may stand far from where it is shown.
  function rowIntoView() {
    document.querySelector(".shown-row")?.scrollIntoView({ block: "nearest" });
  }

  // On a phone the list of steps stands far from its button.
  function stepsIntoView() {
    document.querySelector(".other-steps")?.scrollIntoView({ block: "center" });
  }

  // On a phone the list of corrections opens above its button.
  function toTop() {
    window.scrollTo({ top: 0 });
  }

  // Gradio reads its language once, while it starts (see early.js): so the page is loaded anew.
  function switchLanguage() {
    const other = (navigator.language || "").startsWith("zh") ? "en" : "zh-CN";
    keep("playground_language", other);
    document.cookie = `playground_language=${other};path=/;max-age=${YEAR_S};samesite=lax`;
    location.reload();
  }

  // Gradio's themes hang on this class of `body`.
  function switchTheme() {
    const dark = document.body.classList.toggle("dark");
    keep("playground_theme", dark ? "dark" : "light");
  }

  function click(selector) {
    document.querySelector(selector)?.click();
  }

  function dismissOffer() {
    keep("playground_no_offer", "1");
    page().classList.add("no-offer");
  }

  // Loads the page anew, since all of it may show what is not so any more, and says there what has happened.
  function startAnew(line) {
    window.playground.forget();
    try {
      sessionStorage.setItem("playground_told", line);
    } catch {
      // It is seen from the page what has become of it.
    }
    location.reload();
  }

  // Says what the page before this one was loaded anew for. Gradio may draw the place once more: so it is said again.
  const told = taken("playground_told");

  function taken(name) {
    try {
      const line = sessionStorage.getItem(name);
      sessionStorage.removeItem(name);
      return line;
    } catch {
      return null;
    }
  }

  function tell() {
    const place = document.querySelector("#told");
    if (told && place && place.textContent !== told) place.textContent = told;
  }

  // Asks a route of ours for a visitor; throws what it says in the visitor's language where that cannot be.
  async function ask(path, given) {
    const answer = await fetch(path, { method: "POST", body: JSON.stringify(given), cache: "no-store" });
    const text = await answer.text();
    let told;
    try {
      told = JSON.parse(text);
    } catch {
      throw new Error(text);
    }
    if (!answer.ok) throw new Error(told.error?.message ?? text);
    return told;
  }

  function warning(text) {
    const line = document.createElement("div");
    line.className = "warn";
    line.textContent = text;
    return line.outerHTML;
  }

  // The visitor's key, which only the server can read from its cookie: the row that it is in, itself, and what is wrong.
  async function showKey() {
    try {
      return [shown(true), (await ask("key/show", {})).key, ""];
    } catch (error) {
      return [shown(false), "", warning(error.message)];
    }
  }

  // Takes a key from another device; all that is seen belongs to another one then.
  async function enterKey(key) {
    try {
      startAnew((await ask("key", { key: key ?? "" })).message);
    } catch (error) {
      return warning(error.message);
    }
    return "";
  }

  // Every page follows a change of the model, whoever made it: it asks while it is looked at, tells in the bar where the
  // change stands, and has itself filled in anew after it.
  const LOOK_MS = 1800;
  let generation;

  async function look() {
    let found;
    try {
      found = await (await fetch("model/state", { cache: "no-store" })).json();
    } catch {
      return; // The server is away or restarts: the next look may find it.
    }
    const line = document.querySelector("#model-line");
    tell();
    if (line && stored("playground_no_offer")) page().classList.add("no-offer");
    if (line && line.textContent !== found.line) line.textContent = found.line;
    if (generation !== undefined && found.generation !== generation) document.querySelector("#model-changed")?.click();
    generation = found.generation;
  }

  async function follow() {
    if (!document.hidden) await look();
    setTimeout(follow, LOOK_MS);
  }

  // Only in a frame the provider's page needs a tab of its own.
  document.addEventListener(
    "click",
    (event) => window.top === window && event.target.closest?.("#account a")?.removeAttribute("target"),
    true,
  );
  document.addEventListener("visibilitychange", () => document.hidden || look());
  follow();

  return {
    adopt,
    click,
    copy,
    copyText,
    dismissOffer,
    download,
    enterKey,
    preset,
    press,
    pressIf,
    put,
    rowIntoView,
    showChoice,
    showKey,
    showMode,
    showWords,
    shown,
    startAnew,
    stepsIntoView,
    switchLanguage,
    switchTheme,
    takeBack,
    takeLead,
    toTop,
  };
})();
