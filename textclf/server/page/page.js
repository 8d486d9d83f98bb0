// The page of `textclf serve`: an article goes to /v1/predict, its labelled paragraphs come back and are shown.
// Whatever comes from an article or the server is put in as text (textContent), never as HTML.

const LARGEST_FILE = 20_000_000; // bytes
const DWELL = 250; // milliseconds a label is pointed at before its words are asked for
const FAINTEST = 0.05; // of the strongest word; a weaker one is not marked
const NAMED = 4; // words named for and against a label
const TONES = 8; // colours, shapes and patterns in page.css

const at = (id) => document.getElementById(id);
const fixed = (number) => number.toFixed(2);
const signed = (number) => `${number > 0 ? "+" : "−"}${fixed(Math.abs(number))}`;
const counted = (n, what) => `${n} ${what}${n === 1 ? "" : "s"}`;
const codePoints = (text) => Array.from(text); // the server counts in these, JavaScript in halves of some

const state = {
  answer: null, // what /v1/predict gave
  card: null, // what /v1/model gave, where it was needed
  thresholds: new Map(), // label to threshold, where it was moved from the model's own
  explained: new Map(), // paragraph's index to the promise of its explanation
  explaining: null, // the AbortController of the explanation asked for last
  views: [], // per paragraph: its elements
  open: null, // the label whose words are shown: {view, label, pinned}
  sending: null, // the AbortController of the request in progress
};

/** Make an element; `options.text` is its text, the other options are its properties. */
function make(tag, { text, ...options } = {}, ...children) {
  const element = Object.assign(document.createElement(tag), options);
  if (text !== undefined) element.textContent = text;
  element.append(...children);
  return element;
}

// ---- Asking the server

class Refusal extends Error {
  constructor(message, status = 0) {
    super(message);
    this.status = status;
  }
}

function token() {
  try {
    return sessionStorage.getItem("textclf-token") ?? "";
  } catch {
    return at("token").value.trim(); // storage is forbidden here
  }
}

function keepToken() {
  try {
    if (!at("token-row").hidden) sessionStorage.setItem("textclf-token", at("token").value.trim());
  } catch {
    // then it is read from the field each time
  }
}

async function ask(path, body, signal) {
  if (/[^\x21-\x7e]/.test(token())) throw new Refusal("The token holds characters that no token has.", 401);
  const headers = token() ? { Authorization: `Bearer ${token()}` } : {};
  const options = { headers, signal, credentials: "same-origin", redirect: "error", cache: "no-store" };
  if (body !== undefined) {
    headers["Content-Type"] = "application/json";
    Object.assign(options, { method: "POST", body: JSON.stringify(body) });
  }
  let response;
  try {
    response = await fetch(new URL(path, document.baseURI), options);
  } catch (fault) {
    if (fault.name === "AbortError") throw fault;
    throw new Refusal("The server cannot be reached. See whether it runs and you are connected, then try again.");
  }
  const answer = await response.json().catch((fault) => {
    if (fault.name === "AbortError") throw fault;
    return null;
  });
  if (!response.ok) throw new Refusal(refusalText(response, answer), response.status);
  if (answer === null) throw new Refusal("The server’s answer is no JSON. Is this page served by textclf?");
  return answer;
}

function refusalText(response, answer) {
  const said = typeof answer?.error === "string" ? `The server says: ${answer.error}` : "";
  const told = {
    401: token() ? "The server did not accept the token." : "This server asks for a token.",
    408: "The server took too long. Try a shorter article.",
    413: "The article is too large for this server. Try a part of it.",
    422: "The server could not read this as an article.",
    429: `Too many requests for now. ${whenToTry(response)}`,
    503: `The server is busy or not ready. ${whenToTry(response)}`,
  }[response.status];
  return [told ?? `The server answered with status ${response.status}.`, said].filter(Boolean).join("\n");
}

function whenToTry(response) {
  const given = response.headers.get("Retry-After");
  const seconds = /^\d+$/.test(given ?? "") ? Number(given) : Math.ceil((Date.parse(given ?? "") - Date.now()) / 1000);
  if (!(seconds >= 0)) return "Try again in a little while.";
  const clock = new Date(Date.now() + seconds * 1000).toLocaleTimeString();
  return `Try again in ${counted(seconds, "second")}, at ${clock}.`;
}

// What an answer holds, as the page uses it. `card` is what /v1/model gave: it has the definitions.
function read(answer, card) {
  const { model, thresholds, article, blocks, paragraphs } = answer;
  const defined = new Map((card?.labels ?? []).map((label) => [label.name, label.definition]));
  const labels = Object.keys(thresholds).map((name) => ({ name, definition: defined.get(name) ?? "" }));
  const leftOut = blocks.filter((block) => block.role !== "paragraph");
  return {
    model: { id: model.name, version: model.version, labels, thresholds },
    title: article?.title || null,
    date: article?.date || null,
    paragraphs: paragraphs.map((each) => ({ ...each, index: each.paragraph })),
    left_out: leftOut.map(({ role, text, start, end }) => ({ role, text, start, end })),
  };
}

function readExplanation({ method, words, labels }) {
  const weights = Object.fromEntries(Object.entries(labels).map(([label, told]) => [label, told.weights]));
  return { method, words: words.map(({ start, end }) => [start, end]), weights };
}

// ---- Sending an article

function say(text) {
  at("status").textContent = text;
}

function tell(text) {
  at("error").hidden = !text;
  at("error").textContent = text;
}

function busy(controller) {
  state.sending = controller;
  at("progress").hidden = at("stop").hidden = controller === null;
  at("send").disabled = controller !== null;
  at("reading").setAttribute("aria-busy", String(controller !== null));
}

async function send() {
  const article = at("article").value;
  tell("");
  if (!article.trim()) {
    tell("There is no article yet. Paste its text or HTML, or drop a file.");
    at("article").focus();
    return;
  }
  keepToken();
  state.sending?.abort();
  const controller = new AbortController();
  busy(controller);
  say("Reading and labelling …");
  const slow = setTimeout(() => say("Still at work. A long article takes a while."), 6000);
  try {
    const answer = await ask("v1/predict", { article }, controller.signal);
    state.card ??= answer.model.labels ? {} : await ask("v1/model", undefined, controller.signal).catch(() => null);
    show(read(answer, state.card));
    if (token()) at("token-row").hidden = true;
  } catch (fault) {
    if (controller.signal.aborted) {
      if (state.sending === controller) say("Stopped.");
    } else if (fault instanceof Refusal) {
      refuse(fault);
    } else {
      tell("The server’s answer is not what this page knows. Is its version the page’s?");
      throw fault;
    }
  } finally {
    clearTimeout(slow);
    if (state.sending === controller) busy(null);
  }
}

function refuse(fault) {
  say("");
  if (fault.status === 401) {
    at("token-row").hidden = false;
    at("token").focus();
    at("token").select();
  }
  tell(fault.message);
}

// ---- Files

async function openFile(file) {
  tell("");
  if (file.size > LARGEST_FILE) return tell(`${file.name} is larger than 20 MB. Is it one article?`);
  const bytes = new Uint8Array(await file.arrayBuffer());
  const { text, encoding } = decode(bytes);
  if (text === null) return tell(`${file.name} is no text. Save the article as text or HTML, then try again.`);
  at("article").value = text;
  at("file-name").textContent = encoding === "utf-8" ? file.name : `${file.name}, read as ${encoding}`;
  at("clear").hidden = false;
  await send();
}

/** Turn bytes into text: a byte-order mark decides, then UTF-8 where it fits, then what the page says of itself. */
function decode(bytes) {
  const marked = bytes[0] === 0xff && bytes[1] === 0xfe ? "utf-16le" : bytes[0] === 0xfe && bytes[1] === 0xff ? "utf-16be" : "";
  if (!marked && bytes.subarray(0, 4096).includes(0)) return { text: null, encoding: "" };
  const head = new TextDecoder("latin1").decode(bytes.subarray(0, 2048));
  const declared = /charset\s*=\s*["']?\s*([\w-]+)/i.exec(head)?.[1].toLowerCase();
  for (const encoding of [marked || "utf-8", declared, "windows-1252"].filter(Boolean)) {
    try {
      return { text: new TextDecoder(encoding, { fatal: true }).decode(bytes), encoding };
    } catch {
      // the next one may fit
    }
  }
  return { text: new TextDecoder().decode(bytes), encoding: "utf-8, with faults" };
}

// ---- Thresholds

const labels = () => state.answer.model.labels.map((label) => label.name);
const ownThreshold = (label) => state.answer.model.thresholds[label];
const threshold = (label) => state.thresholds.get(label) ?? ownThreshold(label);

/** Tell whether a paragraph carries a label; where the threshold is the model's own, the server has decided. */
function carries(paragraph, label) {
  if (!state.thresholds.has(label)) return paragraph.labels.includes(label);
  return paragraph.scores[label] >= threshold(label);
}

function readFragment() {
  state.thresholds.clear();
  for (const [label, value] of new URLSearchParams(location.hash.slice(1))) {
    const number = Number(value);
    if (value !== "" && number >= 0 && number <= 1) state.thresholds.set(label, number);
  }
}

function writeFragment() {
  const moved = new URLSearchParams([...state.thresholds].map(([label, value]) => [label, String(value)])).toString();
  history.replaceState(null, "", moved ? `#${moved}` : location.pathname + location.search);
}

function setThreshold(label, value) {
  state.thresholds.set(label, value);
  writeFragment();
  decide();
}

function resetThresholds() {
  state.thresholds.clear();
  writeFragment();
  decide();
  say("Thresholds are the model’s own again.");
}

// ---- Showing the answer

function show(answer) {
  state.answer = answer;
  state.explained = new Map();
  state.explaining?.abort();
  state.open = null;
  for (const label of state.thresholds.keys()) if (!labels().includes(label)) state.thresholds.delete(label);
  showModel(answer.model);
  showPanel(answer);
  showArticle(answer);
  decide();
  at("result").hidden = false;
  document.body.classList.add("has-result");
  at("article").scrollTop = 0;
  say(`Done: ${at("totals").textContent}`);
  if (at("result").getBoundingClientRect().top > innerHeight / 2) {
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    at("result").scrollIntoView({ block: "start", behavior: still ? "auto" : "smooth" });
  }
}

function showModel(model) {
  at("model").hidden = false;
  at("model").textContent = `Model ${model.id}, version ${model.version}`;
}

function showPanel(answer) {
  at("sliders").replaceChildren(...answer.model.labels.map((label, n) => slider(label.name, n, answer.paragraphs)));
  at("meanings").replaceChildren(
    ...answer.model.labels.flatMap(({ name, definition }, n) => [
      make("dt", { className: tone(n) }, shape(), make("span", { text: name })),
      make("dd", { text: definition || "No definition was given." }),
    ]),
  );
}

const tone = (n) => `tone-${n % TONES}`;

function shape() {
  const element = make("span", { className: "shape" });
  element.setAttribute("aria-hidden", "true");
  return element;
}

function slider(label, n, paragraphs) {
  const id = `slider-${n}`;
  const range = make("input", { id, type: "range", min: "0", max: "1", step: "0.01" });
  range.addEventListener("input", () => setThreshold(label, Number(range.value)));
  return make(
    "div",
    { className: `slider ${tone(n)}` },
    make("label", { htmlFor: id }, shape(), make("span", { text: label })),
    make("span", { className: "count" }),
    make("div", { className: "track" }, rug(label, paragraphs), range),
    make("span", { className: "value" }),
  );
}

/** Draw every paragraph's score over the slider, and a dashed line where the model's own threshold is. */
function rug(label, paragraphs) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 100 10");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  const upright = (value, top) => {
    const line = document.createElementNS("http://www.w3.org/2000/svg", "line");
    const places = { x1: value * 100, x2: value * 100, y1: top, y2: 10 };
    for (const [name, place] of Object.entries(places)) line.setAttribute(name, String(place));
    svg.append(line);
    return line;
  };
  for (const paragraph of paragraphs) upright(paragraph.scores[label], 4);
  if (ownThreshold(label) <= 1) upright(ownThreshold(label), 0).classList.add("own");
  return svg;
}

const foreign = { dir: "auto", lang: "" }; // an article's language is not the page's, nor its direction

function showArticle({ title, date, paragraphs, left_out: leftOut }) {
  const inOrder = [...leftOut].sort((one, other) => one.start - other.start);
  const titleAt = inOrder.findIndex((piece) => title && piece.role === "heading" && piece.text === title);
  const heading = title ? [make("h2", { className: "title", text: title, ...foreign })] : [];
  if (date) heading.push(make("p", { className: "small dated", text: date }));
  const pieces = titleAt === -1 ? [...heading] : [];
  const leaveOut = (before) => {
    let run = [];
    const close = () => run.length && pieces.push(leftOutElement(run));
    while (inOrder.length && inOrder[0].start < before) {
      const piece = inOrder.shift();
      if (titleAt !== -1 && heading.length && piece.role === "heading" && piece.text === title) {
        close();
        run = [];
        pieces.push(...heading.splice(0));
      } else if (run.length && run[0].role !== piece.role) {
        close();
        run = [piece];
      } else {
        run.push(piece);
      }
    }
    close();
  };
  state.views = paragraphs.map((paragraph) => {
    if (paragraph.start !== null) leaveOut(paragraph.start);
    const view = paragraphView(paragraph);
    pieces.push(view.element);
    return view;
  });
  leaveOut(Infinity);
  if (!paragraphs.length) pieces.push(make("p", { className: "none", text: "No paragraph was found in it." }));
  at("reading").style.setProperty("--lanes", String(labels().length));
  at("reading").replaceChildren(...pieces);
}

/** One or several neighbours of one role that were left out; many of them are folded. */
function leftOutElement(run) {
  const role = run[0].role.replaceAll("_", " ");
  const lines = run.map((piece) => make("p", { text: piece.text, ...foreign }));
  const many = run.length > 4;
  const inside = many
    ? make("details", {}, make("summary", { text: `${run.length} pieces, left out` }), ...lines)
    : make("div", {}, ...lines);
  return make("div", { className: "left-out" }, make("span", { className: "role", text: role }), inside);
}

function paragraphView(paragraph) {
  const lanes = make("div", { className: "lanes" });
  lanes.setAttribute("aria-hidden", "true");
  const text = make("p", { className: "text", text: paragraph.text, ...foreign });
  const under = make("div", { className: "under" });
  const view = { paragraph, text, under, why: null, chips: new Map(), lanes: new Map() };
  labels().forEach((label, n) => {
    const lane = make("span", { className: `lane ${tone(n)}` });
    lanes.append(lane);
    view.lanes.set(label, lane);
    const chip = chipFor(view, label, n);
    under.append(chip);
    view.chips.set(label, chip);
  });
  under.append(make("span", { className: "none", text: "no label" }));
  const number = make("span", { className: "number", text: String(paragraph.index) });
  number.title = `Paragraph ${paragraph.index}, counted from 0`;
  under.append(number);
  view.element = make("div", { className: "piece paragraph" }, lanes, text, under);
  view.element.addEventListener("pointerleave", () => leave(view));
  view.element.addEventListener("focusout", (event) => {
    if (!view.element.contains(event.relatedTarget)) leave(view);
  });
  return view;
}

function chipFor(view, label, n) {
  const score = make("span", { text: fixed(view.paragraph.scores[label]) });
  const chip = make("button", { type: "button", className: `chip ${tone(n)}` });
  chip.append(shape(), make("span", { className: "name", text: label }), score);
  chip.append(make("span", { className: "unseen", text: ", show its words" }));
  chip.setAttribute("aria-expanded", "false");
  let waiting;
  const later = () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => state.open?.pinned || openWords(view, label, false), DWELL);
  };
  chip.addEventListener("pointerenter", (event) => event.pointerType === "mouse" && later());
  chip.addEventListener("pointerleave", () => clearTimeout(waiting));
  chip.addEventListener("focus", () => chip.matches(":focus-visible") && later());
  chip.addEventListener("blur", () => clearTimeout(waiting));
  chip.addEventListener("click", () => {
    clearTimeout(waiting);
    if (isOpen(view, label) && state.open.pinned) closeWords();
    else openWords(view, label, true);
  });
  return chip;
}

/** Work out from the thresholds which paragraph carries what, and show it. */
function decide() {
  const totals = new Map(labels().map((label) => [label, 0]));
  let carrying = 0;
  for (const view of state.views) {
    let some = false;
    for (const label of labels()) {
      const on = carries(view.paragraph, label);
      view.chips.get(label).classList.toggle("on", on);
      view.lanes.get(label).classList.toggle("on", on);
      totals.set(label, totals.get(label) + on);
      some ||= on;
    }
    view.under.classList.toggle("some", some);
    carrying += some;
  }
  labels().forEach((label, n) => showThreshold(label, at("sliders").children[n], totals.get(label)));
  at("reset").disabled = state.thresholds.size === 0;
  at("totals").textContent = `${counted(state.views.length, "paragraph")}, ${carrying} with a label.`;
}

function showThreshold(label, row, total) {
  const [range, shown, count] = ["input", ".value", ".count"].map((what) => row.querySelector(what));
  const value = threshold(label);
  range.value = String(Math.min(value, 1));
  shown.textContent = value > 1 ? "never" : `≥ ${fixed(value)}`;
  shown.classList.toggle("changed", state.thresholds.has(label));
  count.textContent = String(total);
  range.setAttribute("aria-valuetext", `${value > 1 ? "never" : fixed(value)}, carried by ${counted(total, "paragraph")}`);
  row.querySelectorAll("line:not(.own)").forEach((line, n) => {
    line.classList.toggle("on", carries(state.views[n].paragraph, label));
  });
}

// ---- The words behind a label

const isOpen = (view, label) => state.open?.view === view && state.open.label === label;

function leave(view) {
  if (state.open?.view === view && !state.open.pinned) closeWords();
}

function closeWords() {
  if (!state.open) return;
  const { view, label } = state.open;
  state.open = null;
  view.chips.get(label).setAttribute("aria-expanded", "false");
  view.why?.remove();
  view.why = null;
  view.text.textContent = view.paragraph.text;
}

/** Keep the words open when the pointer leaves, and make room for them. */
function pin() {
  state.open.pinned = true;
  state.open.view.why.classList.add("pinned");
}

async function openWords(view, label, pinned) {
  if (isOpen(view, label)) {
    if (pinned) pin();
    return;
  }
  closeWords();
  const chip = view.chips.get(label);
  state.open = { view, label, pinned };
  chip.setAttribute("aria-expanded", "true");
  view.why = make("div", { className: `why ${chip.classList[1]}`, text: "Asking which words it hangs on …" });
  view.why.setAttribute("role", "status");
  view.under.append(view.why);
  if (pinned) pin();
  const opened = state.open;
  try {
    const explanation = await explanationOf(view.paragraph);
    if (state.open === opened) showWords(view, label, explanation);
  } catch (fault) {
    if (state.open === opened) view.why.textContent = fault instanceof Refusal ? fault.message : "No words came back.";
  }
}

/**
 * Ask for one paragraph's explanation, once; what fails may be asked for again. One that is still under way for another
 * paragraph is given up: a pointer that passes over a page must not keep a slow server busy.
 */
function explanationOf(paragraph) {
  const { explained } = state;
  if (!explained.has(paragraph.index)) {
    state.explaining?.abort();
    const controller = (state.explaining = new AbortController());
    const asked = ask("v1/predict?explain=true", { texts: [paragraph.text] }, controller.signal).then((answer) => {
      if (state.explaining === controller) state.explaining = null;
      const { explanation } = answer.paragraphs[0];
      if (!explanation) throw new Refusal("The server gave no explanation for this paragraph.");
      return readExplanation(explanation);
    });
    explained.set(paragraph.index, asked);
    asked.catch(() => explained.delete(paragraph.index));
  }
  return explained.get(paragraph.index);
}

function showWords(view, label, { method, words, weights }) {
  if (!weights[label]) {
    view.why.textContent = "The server explains only the labels that it finds in a paragraph.";
    return;
  }
  const points = codePoints(view.paragraph.text);
  const said = weights[label].map((weight, n) => ({ weight, start: words[n][0], end: words[n][1] }));
  const strongest = Math.max(...said.map(({ weight }) => Math.abs(weight)), 0) || 1;
  const chip = view.chips.get(label);
  const parts = [];
  let done = 0;
  for (const { weight, start, end } of said) {
    const share = Math.abs(weight) / strongest;
    if (share < FAINTEST || start < done) continue;
    const word = make("mark", { className: weight > 0 ? "adds" : "takes", text: points.slice(start, end).join("") });
    word.classList.add(chip.classList[1]);
    word.style.setProperty("--share", fixed(share));
    word.title = signed(weight);
    parts.push(points.slice(done, start).join(""), word);
    done = end;
  }
  view.text.replaceChildren(...parts, points.slice(done).join(""));
  const named = (sign) =>
    said
      .filter(({ weight }) => (weight * sign) / strongest >= FAINTEST)
      .sort((one, other) => (other.weight - one.weight) * sign)
      .slice(0, NAMED)
      .flatMap(({ weight, start, end }, n) => [
        n ? ", " : "",
        make("bdi", { text: points.slice(start, end).join("") }),
        ` ${signed(weight)}`,
      ]);
  const sides = [["For", named(1)], ["Against", named(-1)]].filter(([, list]) => list.length);
  const lines = sides.map(([side, list]) => make("div", {}, make("b", { text: `${side} ${label}: ` }), ...list));
  if (!lines.length) lines.push(make("div", { text: "No word stands out." }));
  view.why.replaceChildren(...lines, make("div", { className: "small", text: `Log-odds by word; ${method}.` }));
}

// ---- Taking it along

function record() {
  const { model, title, date, paragraphs, left_out } = state.answer;
  const thresholds = Object.fromEntries(labels().map((label) => [label, threshold(label)]));
  const rows = paragraphs.map(({ index, text, start, end, scores }, n) => {
    const carried = labels().filter((label) => carries(paragraphs[n], label));
    return { index, text, start, end, labels: carried, scores };
  });
  return { model, thresholds, title, date, paragraphs: rows, left_out };
}

const asJson = () => `${JSON.stringify(record(), null, 2)}\n`;

function asCsv() {
  const names = labels();
  const head = ["paragraph", "text", "labels", ...names.map((name) => `score ${name}`), "start", "end"];
  const rows = record().paragraphs.map(({ index, text, start, end, labels: carried, scores }) => [
    ...[index, text, carried.join(";")],
    ...names.map((name) => scores[name]),
    ...[start, end],
  ]);
  return [head, ...rows].map((row) => `${row.map(cell).join(",")}\r\n`).join("");
}

/** Write one cell; what a spreadsheet would take for a formula gets an apostrophe before it. */
function cell(value) {
  const text = value === null ? "" : String(value);
  const safe = typeof value === "string" && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

function save(name, type, content) {
  const url = URL.createObjectURL(new Blob([content], { type }));
  make("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
  say(`${name} is being saved.`);
}

async function copy(what, content) {
  try {
    await navigator.clipboard.writeText(content);
  } catch {
    const field = make("textarea", { value: content, className: "unseen" }); // plain http has no clipboard to write to
    const back = document.activeElement;
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    back?.focus();
    if (!done) return say(`The browser did not let ${what} be copied; download it instead.`);
  }
  say(`${what} is copied.`);
}

// ---- What a person does

function clear() {
  at("article").value = at("file-name").textContent = "";
  at("clear").hidden = true;
  at("article").focus();
}

const bringsFiles = (event) => event.dataTransfer?.types.includes("Files"); // other drops are the browser's business

function takeDrop(event) {
  if (!bringsFiles(event)) return;
  event.preventDefault();
  at("drop").hidden = true;
  const { files } = event.dataTransfer;
  if (files.length > 1) tell("Drop one article at a time.");
  else if (files.length === 1) openFile(files[0]);
}

const onClick = {
  stop: () => state.sending?.abort(),
  clear,
  reset: resetThresholds,
  link: () => copy("The link, which holds the thresholds and no text,", location.href),
  "copy-csv": () => copy("The CSV", asCsv()),
  "copy-json": () => copy("The JSON", asJson()),
  "save-csv": () => save("labels.csv", "text/csv;charset=utf-8", `\ufeff${asCsv()}`), // the mark is for spreadsheets
  "save-json": () => save("labels.json", "application/json", asJson()),
};
for (const [id, act] of Object.entries(onClick)) at(id).addEventListener("click", act);

at("form").addEventListener("submit", (event) => {
  event.preventDefault();
  send();
});
at("article").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) send();
});
at("article").addEventListener("input", () => {
  at("clear").hidden = !at("article").value;
  at("file-name").textContent = "";
});
at("file").addEventListener("change", () => {
  const [file] = at("file").files;
  at("file").value = ""; // so that the same file may be opened again
  if (file) openFile(file);
});
at("every").addEventListener("change", () => at("reading").classList.toggle("every", at("every").checked));
at("others").addEventListener("change", () => at("reading").classList.toggle("no-others", !at("others").checked));
document.addEventListener("keydown", (event) => event.key === "Escape" && closeWords());
document.addEventListener("pointerdown", (event) => {
  if (state.open && !state.open.view.element.contains(event.target)) closeWords();
});
document.addEventListener("dragover", (event) => {
  if (!bringsFiles(event)) return;
  event.preventDefault();
  at("drop").hidden = false;
});
document.addEventListener("dragleave", (event) => event.relatedTarget === null && (at("drop").hidden = true));
document.addEventListener("drop", takeDrop);
window.addEventListener("hashchange", () => {
  readFragment();
  if (state.answer) decide();
});
readFragment();
