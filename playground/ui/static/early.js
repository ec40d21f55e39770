// Runs first of all in the page's head, before Gradio reads language and theme, so that the page opens in the visitor's
// own at once. Gradio picks a language from `navigator.language` while it starts, and knows no `zh` or `zh-HK`.
(() => {
  // What was chosen with the page's own buttons, or null; private windows may forbid to look.
  const chosen = (name) => {
    try {
      return localStorage.getItem(name);
    } catch {
      return null;
    }
  };

  const browsers = (navigator.language || "").toLowerCase();
  const language = chosen("playground_language") || (browsers.startsWith("zh") ? "zh-CN" : null);
  if (language) {
    Object.defineProperty(navigator, "language", { get: () => language });
    Object.defineProperty(navigator, "languages", { get: () => [language] });
    // For what the server says, such as errors.
    document.cookie = `playground_language=${language};path=/;max-age=31536000;samesite=lax`;
  }

  // So that the server tells times as the visitor's clock shows them.
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone) document.cookie = `playground_timezone=${zone};path=/;max-age=31536000;samesite=lax`;

  const theme = chosen("playground_theme");
  const url = new URL(location.href);
  if (theme && url.searchParams.get("__theme") !== theme) {
    url.searchParams.set("__theme", theme);
    history.replaceState(null, "", url);
  }
})();
