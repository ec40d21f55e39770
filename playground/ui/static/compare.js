// Two conversations beside each other: their turns stand side by side, and scroll together.
(() => {
  const HALVES = ["#generate-chat-base", "#generate-chat"];
  const LOOK_MS = 300;
  const BESIDE_PX = 801; // below, on a phone, one is looked at after the other

  function rows(place) {
    return [...document.querySelectorAll(`${place} .message-row`)];
  }

  function free(row) {
    row.style.minHeight = "";
  }

  let seen = "";

  function lineUp() {
    const [ones, others] = HALVES.map(rows);
    const beside = document.querySelector(".comparing") && innerWidth >= BESIDE_PX && ones[0]?.offsetParent;
    if (!beside) {
      if (seen) [...ones, ...others].forEach(free);
      seen = "";
      return;
    }
    const heights = () => JSON.stringify([innerWidth, ...[...ones, ...others].map((row) => row.innerText.length)]);
    const now = heights();
    if (now === seen) return;
    seen = now;
    [...ones, ...others].forEach(free);
    const pairs = ones.map((one, at) => [one, others[at]]).filter(([, other]) => other);
    const tallest = pairs.map((pair) => Math.max(...pair.map((row) => row.offsetHeight)));
    pairs.forEach((pair, at) => pair.forEach((row) => (row.style.minHeight = `${tallest[at]}px`)));
  }

  function follow(event) {
    const place = HALVES.find((half) => event.target.matches?.(`${half} .bubble-wrap`));
    const other = place && document.querySelector(`${HALVES.find((half) => half !== place)} .bubble-wrap`);
    if (!other || !seen || Math.abs(other.scrollTop - event.target.scrollTop) < 2) return;
    other.scrollTop = event.target.scrollTop;
  }

  document.addEventListener("scroll", follow, { capture: true, passive: true });
  setInterval(lineUp, LOOK_MS);
})();
