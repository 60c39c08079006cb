// Wires the uploads of the videos page: picking and dropping files, the queue, buttons, and what an earlier tab left.

import { api, toast } from "./app.js";
import { UploadFile, fingerprintOf } from "./upload_file.js";
import { Overall, UploadRow } from "./upload_view.js";

const FILES_AT_ONCE = 2;
const REDRAW_MS = 250;

const root = document.getElementById("uploads");
const list = root.querySelector("[data-list]");
const input = document.getElementById("upload-input");
const veil = root.querySelector("[data-veil]");
const announcer = root.querySelector("[data-announce]");
const overall = new Overall(root);
const rows = new Map(); // UploadFile -> UploadRow

const uploads = () => [...rows.keys()];
const chosenKind = () => root.querySelector('[name="upload-kind"]:checked').value;
const shortened = (text) => [...text].slice(0, 200).join(""); // as much of it as the server keeps
const isBusy = () => uploads().some((each) => each.isActive || each.state === "waiting");

function announce(upload) {
  const sentences = {
    done: `${upload.file.name} is uploaded.`,
    failed: `${upload.file.name}: ${upload.message}`,
    refused: `${upload.file.name}: ${upload.message}`,
    paused: `${upload.file.name} is paused.`,
  };
  if (sentences[upload.state]) announcer.textContent = sentences[upload.state];
}

function pump() {
  const room = FILES_AT_ONCE - uploads().filter((each) => each.isActive).length;
  for (const next of uploads().filter((each) => each.state === "waiting").slice(0, Math.max(0, room))) next.run();
}

function changed(upload) {
  rows.get(upload)?.draw();
  overall.draw(uploads());
  announce(upload);
  if (upload.state === "done") document.getElementById("videos")?.dispatchEvent(new CustomEvent("refresh"));
  if (upload.state === "cancelled") forget(upload);
  queueMicrotask(pump);
}

function forget(upload) {
  rows.get(upload)?.remove();
  rows.delete(upload);
  overall.draw(uploads());
}

const ACTIONS = {
  pause: (upload) => upload.pause(),
  resume: (upload) => upload.wait(),
  retry: (upload) => upload.wait(),
  cancel: (upload) => upload.cancel(),
  dismiss: (upload) => forget(upload),
};

function add(file) {
  const twin = uploads().find((each) => each.fingerprint === fingerprintOf(file) && !each.isOver);
  if (twin) {
    if (["paused", "failed"].includes(twin.state)) twin.wait();
    return;
  }
  const upload = new UploadFile(file, { url: root.dataset.url, dataset: root.dataset.dataset, isReference: chosenKind() === "reference" });
  for (const left of root.querySelectorAll("[data-leftovers] .upload")) if (left.dataset.fingerprint === shortened(upload.fingerprint)) left.remove();
  rows.set(upload, new UploadRow(upload, list, (action) => ACTIONS[action](upload)));
  upload.addEventListener("change", () => changed(upload));
}

function addAll(files) {
  for (const file of files) add(file);
  overall.draw(uploads());
  pump();
}

input.addEventListener("change", () => {
  addAll([...input.files]);
  input.value = ""; // the same file picked again must fire again
});

// The guide's button lives in a part of the page that is swapped, so it is listened for from above.
document.addEventListener("click", (event) => {
  const kind = event.target.closest("[data-pick]")?.dataset.pick;
  if (!kind) return;
  root.querySelector(`[name="upload-kind"][value="${kind}"]`).checked = true;
  input.click();
});

root.querySelector("[data-pause-all]").addEventListener("click", () => {
  if (isBusy()) for (const each of uploads()) each.pause();
  else for (const each of uploads()) if (each.state === "paused") each.wait();
});
root.querySelector("[data-clear]").addEventListener("click", () => {
  for (const each of uploads()) if (each.isOver) forget(each);
});

// Dropping works anywhere on the page. Enter and leave fire for every child, so they are counted.
let depth = 0;
const hasFiles = (event) => event.dataTransfer?.types.includes("Files");

function showVeil(isShown) {
  if (!isShown) depth = 0;
  veil.hidden = !isShown;
  root.querySelector("[data-veil-words]").textContent =
    chosenKind() === "reference" ? "Drop to upload as reference" : "Drop to upload as unsorted";
}

window.addEventListener("dragenter", (event) => { if (hasFiles(event)) { depth += 1; showVeil(true); } });
window.addEventListener("dragleave", (event) => { if (hasFiles(event) && (depth -= 1) <= 0) showVeil(false); });
window.addEventListener("dragover", (event) => { if (hasFiles(event)) event.preventDefault(); });
window.addEventListener("drop", (event) => {
  if (!hasFiles(event)) return;
  event.preventDefault();
  showVeil(false);
  addAll([...event.dataTransfer.files]);
});

window.addEventListener("beforeunload", (event) => { if (isBusy()) event.preventDefault(); });
for (const name of ["online", "offline"]) window.addEventListener(name, () => { for (const row of rows.values()) row.draw(); });

setInterval(() => {
  if (!isBusy()) return;
  for (const row of rows.values()) if (row.upload.isActive) row.draw();
  overall.draw(uploads());
}, REDRAW_MS);

// What an earlier tab left: how far it is, and a way to throw it away.
async function discard(left) {
  try {
    await api(left.dataset.url, { method: "DELETE" });
    left.remove();
  } catch (error) {
    toast(error.message, { kind: "danger" });
  }
}

for (const left of root.querySelectorAll("[data-leftovers] .upload")) {
  left.querySelector("[data-discard]").addEventListener("click", () => discard(left));
  api(left.dataset.url).then((answer) => { left.querySelector("progress").value = answer.held.length / answer.part_count; }, () => {});
}
