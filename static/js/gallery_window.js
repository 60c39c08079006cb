// Only the tiles around what is seen stay in the page. Pages of tiles far above make room for an empty stretch as high as
// they were, those far below for the link that loads them again; both come back on the way. So memory stays flat however
// far somebody scrolls, and the order of what is there stays the order of the list.

import { toast } from "./app.js";

const [KEPT_ABOVE, KEPT_BELOW, BACK_WITHIN] = [4, 6, 2]; // heights of the window
const LEAST_PAGES = 2;

const gallery = () => document.getElementById("reviewer").dataset.gallery;

export class TileWindow {
  #pages = []; // dropped from the top: {query, count}
  #isBusy = false;
  #isDue = false;

  /** `adopt()` is called when tiles came back, `dropped(tile)` for each that leaves. */
  constructor({ adopt, dropped }) {
    this.calls = { adopt, dropped };
    addEventListener("scroll", () => this.#soon(), { passive: true });
    document.addEventListener("wanted", () => this.#back());
    this.sizes = new ResizeObserver(() => this.#lay());
    this.reset();
  }

  /** Another list is in the page. */
  reset() {
    this.#pages = [];
    this.grid = document.querySelector("#gallery .tiles[role=feed]");
    this.sizes.disconnect();
    if (!this.grid) return;
    this.above = this.grid.querySelector(".tiles-above");
    this.sizes.observe(this.grid);
    this.#number();
  }

  get #dropped() { return this.#pages.reduce((sum, page) => sum + page.count, 0); }

  #soon() {
    if (this.#isDue) return;
    this.#isDue = true;
    requestAnimationFrame(() => {
      this.#isDue = false;
      this.trim();
      this.#fill();
    });
  }

  /** Tiles in the page by the page of the list that they came with. */
  #groups() {
    const groups = [];
    for (const tile of this.grid.querySelectorAll(".tile")) {
      if (tile.dataset.page || !groups.length) groups.push([]);
      groups.at(-1).push(tile);
    }
    return groups;
  }

  /** Let go of what is far away. */
  trim() {
    if (!this.grid || this.#isBusy) return;
    const groups = this.#groups();
    const isFarAbove = (group) => group[0].dataset.page && group.at(-1).getBoundingClientRect().bottom < -KEPT_ABOVE * innerHeight;
    const isFarBelow = (group) => group[0].dataset.page && group[0].getBoundingClientRect().top > (1 + KEPT_BELOW) * innerHeight;
    let hasChanged = false;
    for (; groups.length > LEAST_PAGES && isFarAbove(groups[0]); hasChanged = true) this.#dropAbove(groups.shift(), groups[0][0]);
    for (; groups.length > LEAST_PAGES && isFarBelow(groups.at(-1)); hasChanged = true) this.#dropBelow(groups.pop());
    if (hasChanged) this.#number();
  }

  #dropAbove(group, next) {
    this.#still(next, () => {
      this.#pages.push({ query: group[0].dataset.page, count: group.length });
      this.#remove(group);
      this.#lay();
    });
  }

  #dropBelow(group) {
    const { page } = group[0].dataset;
    this.grid.querySelector(".more, .the-end, .growing")?.remove();
    this.#remove(group);
    const more = document.createElement("div");
    more.className = "more";
    const attributes = { "hx-get": `${gallery()}?${page}`, "hx-trigger": "intersect once rootMargin:1200px, click, more", "hx-swap": "outerHTML", "hx-status:4xx": "swap:none", "hx-status:5xx": "swap:none" };
    for (const [name, value] of Object.entries(attributes)) more.setAttribute(name, value);
    const link = document.createElement("a");
    link.className = "btn";
    link.href = `${gallery()}?${page.replace(/&?part=cards/, "")}`;
    link.textContent = "More frames";
    more.append(link);
    this.grid.append(more);
    htmx.process(more);
  }

  #remove(group) {
    for (const tile of group) {
      this.calls.dropped(tile);
      tile.querySelector("img").removeAttribute("src"); // a picture on its way would keep the tile alive
      tile.remove();
    }
  }

  /** Do something above `tile` without moving it on the screen. */
  #still(tile, run) {
    const before = tile.getBoundingClientRect().top;
    run();
    const moved = tile.getBoundingClientRect().top - before;
    if (Math.abs(moved) >= 1) scrollBy({ top: moved, behavior: "instant" });
  }

  /** The empty stretch above: as high as the rows it stands for, and the first tile in the column it had. */
  #lay() {
    const tiles = this.grid.querySelectorAll(".tile");
    for (const tile of this.grid.querySelectorAll(".is-first")) {
      tile.classList.remove("is-first");
      tile.style.gridColumnStart = "";
    }
    const count = this.#dropped;
    this.above.hidden = !count;
    if (!count || !tiles.length) return;
    const style = getComputedStyle(this.grid);
    const columns = style.gridTemplateColumns.split(" ").length;
    this.columns = columns;
    this.row = this.#rowHeight(tiles) || this.row || 160;
    this.above.style.height = `${Math.max(0, Math.floor(count / columns) * this.row - parseFloat(style.rowGap))}px`;
    tiles[0].classList.add("is-first");
    tiles[0].style.gridColumnStart = String((count % columns) + 1);
  }

  #rowHeight(tiles) {
    const rows = [...new Set([...tiles].slice(0, 80).map((tile) => tile.offsetTop))];
    return rows.length > 2 ? (rows.at(-1) - rows[1]) / (rows.length - 2) : 0;
  }

  // ---- on the way back

  /** Bring back what is near again; where somebody has jumped far into the empty stretch, the page that was there. */
  async #fill() {
    if (!this.#pages.length || this.#isBusy || !this.grid.isConnected) return;
    const gap = this.above.getBoundingClientRect().bottom;
    if (gap > 2 * innerHeight) await this.#jump(Math.max(0, this.above.getBoundingClientRect().height - gap));
    else if (gap > -BACK_WITHIN * innerHeight && await this.#back()) this.#soon();
  }

  /** The last page that was dropped comes back above the others. Resolves to whether it did. */
  async #back() {
    const page = this.#pages.at(-1);
    if (!page || this.#isBusy) return false;
    return this.#busy(async () => {
      const { tiles } = await this.#fetch(page.query);
      const first = this.grid.querySelector(".tile");
      this.#pages.pop();
      this.#still(first, () => {
        first.before(...tiles.filter((tile) => !document.getElementById(tile.id)));
        this.#lay();
      });
      this.calls.adopt();
    });
  }

  /** To a place `top` pixels down the empty stretch. */
  async #jump(top) {
    let place = Math.floor(top / this.row) * this.columns;
    let which = 0;
    while (which < this.#pages.length - 1 && place >= this.#pages[which].count) place -= this.#pages[which++].count;
    const page = this.#pages[which];
    await this.#busy(async () => {
      const { tiles, more } = await this.#fetch(page.query);
      this.#remove([...this.grid.querySelectorAll(".tile")]);
      this.grid.querySelector(".more, .the-end, .growing")?.remove();
      this.#pages.length = which;
      this.grid.append(...tiles, ...more);
      this.#lay();
      for (const each of more) htmx.process(each);
      this.calls.adopt();
    });
  }

  /** To the very first tile. */
  async toTop() {
    if (this.#pages.length) await this.#jump(0);
    if (this.#pages.length === 0) scrollTo({ top: 0, behavior: "instant" });
  }

  async #busy(run) {
    this.#isBusy = true;
    try {
      await run();
      this.#number();
      return true;
    } catch (error) {
      toast(error.message, { kind: "danger" });
      return false;
    } finally {
      this.#isBusy = false;
    }
  }

  async #fetch(query) {
    const response = await fetch(`${gallery()}?${query}`, { headers: { "HX-Request": "true" }, credentials: "same-origin" }).catch(() => null);
    if (!response?.ok || response.redirected) throw new Error("The frames above can’t be loaded now. Start again from the top.");
    const template = document.createElement("template");
    template.innerHTML = await response.text();
    return { tiles: [...template.content.querySelectorAll(".tile")], more: [...template.content.querySelectorAll(".more, .the-end, .growing")] };
  }

  /** Where each tile stands in the list, for screen readers; known where the list is shown from its top. */
  #number() {
    if (document.getElementById("gallery").dataset.startsAt) return;
    let place = this.#dropped;
    for (const tile of this.grid.querySelectorAll(".tile")) tile.setAttribute("aria-posinset", String(++place));
    for (const tile of this.grid.querySelectorAll(".tile:not([aria-setsize])")) tile.setAttribute("aria-setsize", "-1");
  }
}
