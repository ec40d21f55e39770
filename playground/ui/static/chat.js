// What asking in the chat does in the browser alone, at once.
Object.assign(window.playground, (() => {
  // Takes what is written out of its box at once: what is typed from then on is the next message. While an answer comes
  // it stays there. The letter, the box, and the two buttons.
  function send(draft, letter) {
    if (document.querySelector("#generate-stop")) return [{ ...letter, new: false }];
    return [{ text: draft ?? "", new: true }, "", window.playground.shown(false), window.playground.shown(true)];
  }

  // What another place on the page has asked, if it has: the two buttons.
  function sendLetter(letter) {
    return letter.new ? [window.playground.shown(false), window.playground.shown(true)] : [undefined, undefined];
  }

  // Whoever lets go of Strength where the chat is in view sees its last question answered anew, unless that was answered
  // at just this strength, or an answer comes.
  function askAnew(button, picked, percent, said) {
    const taught = picked !== "base" && picked !== "plain";
    const inView = document.querySelector("#generate-prompt")?.offsetParent;
    const answered = (said ?? []).findLast((turn) => turn.role === "assistant")?.metadata?.log ?? "";
    const same = new RegExp(`(^|\\D)${percent} ?%`).test(answered);
    const comes = document.querySelector("#generate-stop");
    if (taught && inView && said?.length && !same && !comes) window.playground.press(button);
  }

  // A message that could not be answered goes back into its box, unless another is being written there.
  function giveBack(letter, draft) {
    return draft || !letter.text ? undefined : letter.text;
  }

  function forgetLetter() {
    return { text: "", new: false };
  }

  // Gradio's button copies all that stands in a bubble, its thoughts too. Which bubble it was, its event does not tell.
  let copied = -1;

  function noteCopied(event) {
    const button = event.target.closest?.(".chat .message-buttons button");
    if (!button) return;
    const rows = [...button.closest(".chat").querySelectorAll(".bot-row")];
    copied = rows.findLastIndex((row) => row.compareDocumentPosition(button) & Node.DOCUMENT_POSITION_FOLLOWING);
  }

  function copyAnswer(said) {
    const groups = [];
    (said ?? []).forEach((turn, place) => {
      if (turn.role !== "assistant") return;
      if (said[place - 1]?.role !== "assistant") groups.push([]);
      groups.at(-1).push(turn);
    });
    const group = groups[copied] ?? [];
    const answer = group.filter((turn) => !turn.metadata?.title);
    if (answer.length < group.length) window.playground.copyText(answer.map(textOf).join("\n"));
  }

  function textOf(turn) {
    return typeof turn.content === "string" ? turn.content : turn.content.map((part) => part.text ?? "").join("");
  }

  document.addEventListener("click", noteCopied, true);
  return { askAnew, copyAnswer, forgetLetter, giveBack, send, sendLetter };
})());
