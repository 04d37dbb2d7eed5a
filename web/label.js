// The labelling page: a pair, an answer by key or button, the next pair.

import { byId, h, toast } from "./dom.js";
import { call, imageUrl, pictureUrl } from "./api.js";
import { startHeader } from "./header.js";
import { onLanguage, t } from "./i18n.js";
import { learnsFrom, startLearning } from "./learn.js";
import { explain } from "./problem.js";

const AHEAD = 10; // questions that are fetched at once
const REFILL_BELOW = 3;
const WIDTH = 640;
const KEYS = { y: "confirmed", n: "rejected", s: "skipped" };

const wanted = new URLSearchParams(location.search).get("catalogue") ?? "default";
const home = `/v1/catalogues/${encodeURIComponent(wanted)}/reviews`;

let waiting = []; // questions that are to be asked
const asked = new Map(); // key of a pair → id of its review, or null while it is being sent
let answers = []; // what was said here, in order: {question, review}
let progress = { photos: 0, answered: 0, reviewed: 0 };
let began = 0;
let loading = null;
let dry = false; // the server has nothing that was not asked

const keyOf = (question) => `${question.photo ?? question.other?.id}\n${question.product.id}`;

/** Fetches more questions when few are left. One fetch at a time. */
function refill() {
  if (loading || waiting.length >= REFILL_BELOW || dry) return loading;
  loading = call(`${home}/next?limit=${AHEAD}`)
    .then((body) => {
      // What was answered is counted here: an answer on its way is not in the server's count yet.
      progress = answers.length ? { ...body.progress, answered: progress.answered } : body.progress;
      const known = new Set(waiting.map(keyOf));
      const fresh = body.questions.filter((question) => !asked.has(keyOf(question)) && !known.has(keyOf(question)));
      dry = fresh.length === 0;
      waiting.push(...fresh);
    })
    .catch((problem) => {
      dry = true;
      toast(explain(problem).text);
    })
    .finally(() => {
      loading = null;
      draw();
    });
  return loading;
}

function picture(source, name, words) {
  return h("div", { class: "side-picture" }, h("div", { class: "frame" }, source ? h("img", { src: source, alt: name, decoding: "async" }) : null), h("b", {}, name), words ? h("span", { class: "soft" }, words) : null);
}

function side(product) {
  const image = product.images?.find((each) => each.hash);
  return picture(image ? imageUrl(image, WIDTH) : null, product.title, [product.brand, product.category?.at(-1)].filter(Boolean).join(" · "));
}

function draw() {
  document.title = `${t("page")} · Vetrina`;
  const [question] = waiting;
  const box = byId("pair");
  box.setAttribute("aria-busy", String(!question && Boolean(loading)));
  byId("answers").hidden = !question && answers.length === 0;
  for (const button of document.querySelectorAll("[data-answer]")) button.disabled = !question;
  byId("undo").disabled = answers.length === 0;
  if (question) {
    if (box.dataset.pair !== keyOf(question)) {
      box.dataset.pair = keyOf(question);
      const left = question.photo ? picture(pictureUrl(`/v1/images/${question.photo}`, WIDTH), t("photo")) : side(question.other);
      box.replaceChildren(left, side(question.product));
    }
  } else {
    box.dataset.pair = "";
    box.replaceChildren(h("p", {}, t(loading ? "loading" : "none")));
  }
  const minutes = Math.max((Date.now() - began) / 60_000, 1 / 60);
  const rate = answers.length && began ? Math.round(answers.length / minutes) : 0;
  byId("standing").textContent = t("standing", { answered: progress.answered, photos: progress.photos, done: answers.length, rate });
  byId("meter").setAttribute("aria-valuemax", progress.photos);
  byId("meter").setAttribute("aria-valuenow", progress.answered);
  byId("meter").firstElementChild.style.width = `${(100 * progress.answered) / Math.max(progress.photos, 1)}%`;
  learnsFrom(progress.answered);
  // The next picture is on its way while this one is looked at.
  for (const next of waiting.slice(1, 3)) if (next.photo) new Image().src = pictureUrl(`/v1/images/${next.photo}`, WIDTH);
}

async function answer(verdict) {
  const question = waiting.shift();
  if (!question) return;
  began ||= Date.now();
  const entry = { question, verdict, review: null };
  asked.set(keyOf(question), null);
  answers.push(entry);
  dry = false;
  if (question.photo && verdict === "confirmed") {
    progress.answered += 1;
    // What else was to be asked of this photo is answered too.
    waiting = waiting.filter((other) => other.photo !== question.photo);
  }
  draw();
  refill();
  const body = { product: question.product.id, verdict };
  if (question.photo) body.photo = { hash: question.photo };
  else body.other = question.other.id;
  entry.sent = call(home, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) }).then(
    (review) => (entry.review = review),
    (problem) => {
      // Not kept: it is asked again.
      answers = answers.filter((other) => other !== entry);
      asked.delete(keyOf(question));
      waiting.unshift(question);
      toast(explain(problem).text);
      draw();
    },
  );
}

async function undo() {
  const entry = answers.pop();
  if (!entry) return;
  draw();
  await entry.sent;
  if (!entry.review) return;
  try {
    await call(`${home}/${entry.review.id}`, { method: "DELETE" });
  } catch (problem) {
    answers.push(entry);
    toast(explain(problem).text);
    return draw();
  }
  asked.delete(keyOf(entry.question));
  if (entry.question.photo && entry.verdict === "confirmed") progress.answered -= 1;
  waiting.unshift(entry.question);
  toast(t("undone"));
  draw();
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  const key = event.key.toLowerCase();
  if (key in KEYS) answer(KEYS[key]);
  else if (key === "u") undo();
});
for (const button of document.querySelectorAll("[data-answer]")) button.addEventListener("click", () => answer(button.dataset.answer));
byId("undo").addEventListener("click", undo);
startHeader();
startLearning(wanted);
onLanguage(() => {
  byId("pair").dataset.pair = "";
  draw();
});
refill();
draw();
