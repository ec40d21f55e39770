// The learning curve's picture and numbers, made into files in the browser.
Object.assign(window.playground, (() => {
  const SCALE = 2; // so that it is sharp in a document

  function save(blob, name) {
    const url = URL.createObjectURL(blob);
    window.playground.download({ url, orig_name: name });
    setTimeout(() => URL.revokeObjectURL(url), 60000);
  }

  // The picture takes its ground and the colour of its words from the page, as it is seen.
  function drawing(svg) {
    const copy = svg.cloneNode(true);
    const style = getComputedStyle(svg.closest(".card") ?? document.body);
    const { width, height } = svg.viewBox.baseVal;
    copy.querySelectorAll(".stop").forEach((stop) => stop.remove());
    copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
    copy.setAttribute("width", width);
    copy.setAttribute("height", height);
    copy.setAttribute("color", style.color);
    const ground = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    for (const [name, value] of Object.entries({ width, height, fill: style.backgroundColor })) {
      ground.setAttribute(name, value);
    }
    copy.prepend(ground);
    return { text: new XMLSerializer().serializeToString(copy), width, height };
  }

  async function picture(svg) {
    const { text, width, height } = drawing(svg);
    const image = new Image();
    image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
    await image.decode();
    const canvas = document.createElement("canvas");
    canvas.width = width * SCALE;
    canvas.height = height * SCALE;
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    return new Promise((done) => canvas.toBlob(done, "image/png"));
  }

  async function saveCurve(place, what) {
    const drawn = document.querySelector(`${place} .curve`);
    if (!drawn) return;
    const name = drawn.dataset.name || "curve";
    if (what === "numbers") save(new Blob([drawn.dataset.numbers], { type: "text/csv" }), `${name}.csv`);
    else save(await picture(drawn.querySelector("svg")), `${name}.png`);
  }

  return { saveCurve };
})());
