// What the uploads look like: a row per file, one line for all of them. Names are only ever set as text.

const RATE_WINDOW_MS = 8000;

export function bytes(count) {
  let number = count;
  for (const unit of ["B", "KB", "MB", "GB"]) {
    if (number < 1000) return `${number < 10 && unit !== "B" ? number.toFixed(1) : Math.round(number)} ${unit}`;
    number /= 1000;
  }
  return `${number.toFixed(1)} TB`;
}

export function clock(seconds) {
  const whole = Math.ceil(seconds);
  const two = (value) => String(value).padStart(2, "0");
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60)];
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/** Bytes per second over the last seconds, from samples of a running total. */
export class Rate {
  constructor() { this.samples = []; }

  add(total, now = performance.now()) {
    const last = this.samples.at(-1);
    if (last && total < last.total) this.samples = []; // a part was given up and starts again
    this.samples.push({ total, now });
    while (this.samples.length > 2 && now - this.samples[0].now > RATE_WINDOW_MS) this.samples.shift();
  }

  get perSecond() {
    const [first, last] = [this.samples[0], this.samples.at(-1)];
    const span = first ? last.now - first.now : 0;
    return span > 400 ? ((last.total - first.total) * 1000) / span : 0;
  }

  left(total) {
    const rate = this.perSecond;
    return rate > 0 ? (total - this.samples.at(-1).total) / rate : null;
  }
}

function pace(rate, total) {
  if (!rate.perSecond || rate.samples.at(-1).total >= total) return "";
  const left = rate.left(total);
  return `, ${bytes(rate.perSecond)}/s${left === null ? "" : `, ${clock(left)} left`}`;
}

const VISIBLE = {
  waiting: ["pause", "cancel"], starting: ["pause", "cancel"], sending: ["pause", "cancel"], finishing: [],
  paused: ["resume", "cancel"], failed: ["retry", "cancel"], refused: ["dismiss"], done: ["dismiss"], cancelled: [],
};

export class UploadRow {
  constructor(upload, list, onAction) {
    this.upload = upload;
    this.rate = new Rate();
    this.element = document.getElementById("upload-row").content.firstElementChild.cloneNode(true);
    this.find("[data-name]").textContent = upload.file.name;
    this.find("[data-name]").title = upload.file.name;
    this.find("[data-reference]").hidden = !upload.isReference;
    this.find("[data-bar]").setAttribute("aria-label", `Upload of ${upload.file.name}`);
    this.element.addEventListener("click", (event) => {
      const action = event.target.closest("[data-do]")?.dataset.do;
      if (action) onAction(action, upload);
    });
    list.append(this.element);
    this.draw();
  }

  find(selector) { return this.element.querySelector(selector); }

  draw() {
    const { upload, element } = this;
    if (upload.state === "sending") this.rate.add(upload.sentBytes);
    else this.rate = new Rate();
    element.className = `upload is-${upload.state}`;
    this.find("[data-words]").textContent = this.words();
    this.find("[data-bar]").value = upload.file.size ? upload.sentBytes / upload.file.size : 0;
    const focused = element.contains(document.activeElement);
    for (const button of element.querySelectorAll("[data-do]")) button.hidden = !VISIBLE[upload.state].includes(button.dataset.do);
    if (focused && document.activeElement.hidden) this.find("[data-do]:not([hidden])")?.focus();
  }

  words() {
    const { upload } = this;
    const share = `${bytes(upload.sentBytes)} of ${bytes(upload.file.size)}`;
    switch (upload.state) {
      case "waiting": return `Waiting, ${bytes(upload.file.size)}`;
      case "starting": return "Starting";
      case "sending": return navigator.onLine ? share + pace(this.rate, upload.file.size) : `${share}, waiting for the connection`;
      case "paused": return `Paused at ${share}`;
      case "finishing": return "Checking that everything arrived";
      case "failed": return `${upload.message} ${share} arrived; Retry sends what is missing.`;
      case "done": return `Uploaded, ${bytes(upload.file.size)}`;
      default: return upload.message;
    }
  }

  remove() { this.element.remove(); }
}

/** The line for all files together. */
export class Overall {
  constructor(root) {
    this.root = root.querySelector("[data-overall]");
    this.words = root.querySelector("[data-overall-words]");
    this.bar = root.querySelector("[data-overall-bar]");
    this.pauseAll = root.querySelector("[data-pause-all]");
    this.clear = root.querySelector("[data-clear]");
    this.rate = new Rate();
  }

  draw(uploads) {
    const counted = uploads.filter((each) => !["refused", "cancelled"].includes(each.state));
    const busy = counted.filter((each) => each.isActive || each.state === "waiting");
    this.root.hidden = uploads.length < 2 && !busy.length;
    const total = counted.reduce((sum, each) => sum + each.file.size, 0);
    const sent = counted.reduce((sum, each) => sum + each.sentBytes, 0);
    if (busy.length) this.rate.add(sent);
    else this.rate = new Rate();
    this.bar.value = total ? sent / total : 0;
    const done = counted.filter((each) => each.state === "done").length;
    const files = `${done} of ${counted.length} ${counted.length === 1 ? "file" : "files"} uploaded`;
    this.words.textContent = busy.length ? `${files}, ${bytes(sent)} of ${bytes(total)}${pace(this.rate, total)}` : files;
    this.clear.hidden = !uploads.some((each) => each.isOver);
    this.pauseAll.hidden = !busy.length && !counted.some((each) => each.state === "paused");
    this.pauseAll.textContent = busy.length ? "Pause all" : "Resume all";
  }
}
