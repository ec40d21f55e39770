// What somebody gave wrongly is told under its field. The server sends it as a toast that names the field; where that is
// not in view, the toast stays what it is.
(() => {
  // Below the whole row that a field stands in, as a composer with its button.
  function rowOf(field) {
    let host = field;
    while (host.parentElement && isRow(host.parentElement)) host = host.parentElement;
    return host;
  }

  function isRow(element) {
    const style = getComputedStyle(element);
    const across = style.display.endsWith("flex") && style.flexDirection.startsWith("row");
    return across || element.classList.contains("form");
  }

  function boxOf(field) {
    return field.querySelector("textarea, input:not([type=range]), input, button");
  }

  function clear(field) {
    document.getElementById(`${field.id}-error`)?.remove();
    const box = boxOf(field);
    box?.removeAttribute("aria-invalid");
    box?.removeAttribute("aria-describedby");
  }

  function tell(field, sentence) {
    clear(field);
    const line = document.createElement("div");
    line.id = `${field.id}-error`;
    line.className = "told-error";
    line.setAttribute("role", "alert");
    line.dataset.field = field.id;
    line.textContent = sentence;
    rowOf(field).after(line);
    const box = boxOf(field);
    box?.setAttribute("aria-invalid", "true");
    box?.setAttribute("aria-describedby", line.id);
    box?.focus();
    line.scrollIntoView({ block: "nearest" });
  }

  function place(told) {
    const id = [...told.classList].find((name) => name.startsWith("at-"))?.slice(3);
    const field = document.getElementById(id);
    told.classList.remove("told-under");
    if (!field?.offsetParent) return;
    told.closest(".toast-message-item")?.setAttribute("hidden", "");
    tell(field, told.textContent);
    told.replaceChildren(); // or a screen reader would say it twice
    const toast = told.closest("[data-testid=toast-body]");
    if (!toast.querySelector(".toast-message-item:not([hidden])")) {
      toast.style.display = "none";
      toast.querySelector("[data-testid=toast-close]").click();
    }
  }

  function clearAround(event) {
    for (const line of document.querySelectorAll(".told-error")) {
      const field = document.getElementById(line.dataset.field);
      if (!field) line.remove();
      else if (field.contains(event.target)) clear(field);
    }
  }

  // The next attempt begins without what was told of the last one.
  function clearBefore(event) {
    const pressed = event.target.closest?.("button");
    const panel = pressed?.closest(".tabitem, #model-panel");
    for (const line of panel?.querySelectorAll(".told-error") ?? []) {
      const field = document.getElementById(line.dataset.field);
      if (field) clear(field);
      else line.remove();
    }
  }

  document.addEventListener("input", clearAround);
  document.addEventListener("change", clearAround);
  document.addEventListener("click", clearBefore, true);
  new MutationObserver(() => document.querySelectorAll(".told-under").forEach(place)).observe(
    document.documentElement,
    { childList: true, subtree: true },
  );
})();
