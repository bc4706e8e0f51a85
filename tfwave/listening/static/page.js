// Playing, choosing by keyboard, and sending once. Without this script the page works by the
// browser's own players and controls.
"use strict";

const form = document.querySelector("form[data-test]");
const line = document.querySelector(".status");
const players = [...document.querySelectorAll("[data-player]")].map(makePlayer);
let sent = false;

function say(text) {
  if (line) line.textContent = text;
}

function makePlayer(box) {
  const audio = box.querySelector("audio");
  const button = box.querySelector("button");
  const ring = box.querySelector(".ring");
  const player = { audio, button, heard: false, toggle };

  function toggle() {
    if (!audio.paused) {
      audio.pause();
      audio.currentTime = 0;
      return;
    }
    for (const other of players) if (other !== player) other.audio.pause();
    audio.currentTime = 0;
    audio.play().catch(() => say("The clip could not be played. Please reload the page."));
  }

  function draw() {
    const share = audio.duration ? audio.currentTime / audio.duration : 0;
    ring.setAttribute("stroke-dasharray", `${audio.paused ? 0 : 100 * share} 100`);
    if (!audio.paused) requestAnimationFrame(draw);
  }

  audio.controls = false;
  button.hidden = false;
  button.addEventListener("click", (event) => {
    // After a click of the mouse the keys belong to the page again.
    if (event.detail > 0) button.blur();
    toggle();
  });
  audio.addEventListener("play", () => {
    button.classList.add("on");
    say("");
    draw();
  });
  audio.addEventListener("pause", () => button.classList.remove("on"));
  audio.addEventListener("ended", () => {
    player.heard = true;
    button.classList.add("heard");
    button.classList.remove("on");
    draw();
    update();
  });
  audio.addEventListener("error", () => say("The clip could not be loaded. Please reload the page."));
  return player;
}

function groups() {
  return [...form.querySelectorAll("fieldset")].map((set) => [...set.querySelectorAll("input")]);
}

// Chooses an answer in the first question that has none, else in the last that takes it.
function choose(value) {
  const taking = groups().filter((inputs) => inputs.some((input) => input.value === value));
  const open = taking.find((inputs) => !inputs.some((input) => input.checked));
  const inputs = open || taking.at(-1);
  if (!inputs) return;
  const input = inputs.find((each) => each.value === value);
  input.checked = true;
  input.closest("fieldset").scrollIntoView({ block: "nearest" });
  update();
}

function missing() {
  const open = players.find((player) => !player.heard);
  if (open) {
    return players.length > 1 ? "Please listen to both clips to their end first." :
      "Please listen to the whole clip first.";
  }
  return groups().every((inputs) => inputs.some((input) => input.checked)) ? "" :
    "Please choose an answer.";
}

function update() {
  form.querySelector(".next").classList.toggle("waits", missing() !== "");
  if (!missing()) say("");
}

function playNext() {
  const player = players.find((each) => !each.audio.paused) ||
    players.find((each) => !each.heard) || players[0];
  if (player) player.toggle();
}

function press(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  const key = event.key.toLowerCase();
  const at = event.target;
  const native = at.matches("button, a, audio") || (at.matches("input") && !at.checked);
  if (key === " " && !native) {
    playNext();
  } else if (key === "enter" && !at.matches("button, a, audio")) {
    form.requestSubmit();
  } else if (/^[0-9]$/.test(key)) {
    choose(key);
  } else if (key === "y" || key === "n") {
    choose(key === "y" ? "1" : "0");
  } else if ((key === "a" || key === "b") && players.length === 2) {
    players[key === "a" ? 0 : 1].toggle();
  } else {
    return;
  }
  event.preventDefault();
}

if (form) {
  // What is missing is said in the page's own line, not in the browser's bubble.
  form.noValidate = true;
  form.addEventListener("change", update);
  form.addEventListener("submit", (event) => {
    const text = missing();
    if (text || sent) {
      event.preventDefault();
      say(text);
      return;
    }
    sent = true;
  });
  // A page that is shown again from the browser's memory can be sent again.
  window.addEventListener("pageshow", (event) => {
    sent = false;
    if (event.persisted) window.location.reload();
  });
  document.addEventListener("keydown", press);
  // Firefox keeps what was chosen before a reload.
  form.reset();
  update();
}
