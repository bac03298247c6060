// The photos that the filters let through, as many as there are, of which pages are loaded when
// they are wanted.
import { api } from './api.js';

export const PAGE_SIZE = 100;
/** Pages kept: 80 of 100 photos are some 4 MB. */
const PAGES_KEPT = 80;
const REQUESTS_AT_ONCE = 2;
/** While an import runs every photo changes several times; lists are fetched again no oftener. */
const REFRESH_MS = 1000;

/** Says `change` when photos came or went, `error` ({detail: ApiError}) when a request failed. */
export class PhotoList extends EventTarget {
  total = 0;
  /** Whether anything was answered for these filters yet. */
  known = false;
  filters = {};
  #pages = new Map(); // number → {photos, stale}
  #loading = new Set();
  #wanted = [0, 0]; // pages, first and last
  #abort = new AbortController();
  #changes = 0; // how often something changed so far
  #refreshedAt = 0;
  #timer = 0;

  /** Begins anew with other filters, as the API calls them. */
  show(filters) {
    this.#abort.abort();
    this.#abort = new AbortController();
    this.#pages.clear();
    this.#loading.clear();
    this.filters = filters;
    this.total = 0;
    this.known = false;
    this.#wanted = [0, 0];
    this.dispatchEvent(new Event('change'));
    this.#load();
  }

  /** The photo at `index`, or undefined while its page is not there. */
  at(index) {
    return this.#pages.get(Math.floor(index / PAGE_SIZE))?.photos[index % PAGE_SIZE];
  }

  /** Where a photo is among those that are loaded; -1 when it is not. */
  indexOf(id) {
    for (const [number, page] of this.#pages) {
      const index = page.photos.findIndex((photo) => photo.id === id);
      if (index >= 0) return number * PAGE_SIZE + index;
    }
    return -1;
  }

  /** Says which photos are looked at. While someone scrolls fast, only where he is is loaded. */
  want(first, last) {
    this.#wanted = [Math.floor(first / PAGE_SIZE), Math.floor(last / PAGE_SIZE)];
    this.#load();
  }

  /** Something about a photo changed: its page is fetched again, when it is looked at. */
  touch(id) {
    this.#changes++;
    const index = this.indexOf(id);
    if (index < 0) return;
    this.#pages.get(Math.floor(index / PAGE_SIZE)).stale = true;
    this.#load();
  }

  /** Photos came, or may have come: every page may hold others now, those on their way too. */
  refresh() {
    this.#changes++;
    for (const page of this.#pages.values()) page.stale = true;
    this.#load();
  }

  /** What a photo's details say, which the list shows as well. */
  update(photo) {
    const index = this.indexOf(photo.id);
    if (index < 0) return;
    const { photos } = this.#pages.get(Math.floor(index / PAGE_SIZE));
    photos[index % PAGE_SIZE] = {
      ...this.at(index),
      reviewed: photo.reviewed,
      tiers: Object.fromEntries(photo.tiers.map((tier) => [tier.name, tier.state])),
    };
    this.dispatchEvent(new Event('change'));
  }

  /** The next page to fetch: of those looked at what is missing, then what is old. */
  #next() {
    const [first, last] = this.#wanted;
    let old = -1;
    for (let number = first; number <= last; number++) {
      if (this.#loading.has(number)) continue;
      const page = this.#pages.get(number);
      if (!page && (number === 0 || number * PAGE_SIZE < this.total)) return number;
      if (page?.stale && old < 0) old = number;
    }
    return old;
  }

  #load() {
    while (this.#loading.size < REQUESTS_AT_ONCE) {
      const number = this.#next();
      if (number < 0) return;
      if (this.#pages.has(number)) {
        const wait = this.#refreshedAt + REFRESH_MS - performance.now();
        if (wait > 0) {
          this.#timer ||= setTimeout(() => {
            this.#timer = 0;
            this.#load();
          }, wait);
          return;
        }
        this.#refreshedAt = performance.now();
      }
      this.#fetch(number);
    }
  }

  async #fetch(number) {
    const abort = this.#abort;
    this.#loading.add(number);
    const old = this.#pages.get(number);
    const changes = this.#changes;
    if (old) old.stale = false; // what changes from here on is fetched once more
    try {
      const answer = await api.photos(number * PAGE_SIZE, PAGE_SIZE, this.filters, abort.signal);
      if (abort.signal.aborted) return;
      const stale = old ? old.stale : this.#changes !== changes;
      this.#pages.set(number, { photos: answer.photos, stale });
      this.total = answer.total;
      this.known = true;
      this.#forget(number);
      this.#loading.delete(number);
      this.dispatchEvent(new Event('change'));
      this.#load();
    } catch (error) {
      if (abort.signal.aborted) return;
      this.#loading.delete(number);
      this.dispatchEvent(new CustomEvent('error', { detail: error }));
    }
  }

  /** Drops the pages farthest from `number`, and those that are past the end. */
  #forget(number) {
    for (const page of this.#pages.keys()) {
      if (page > 0 && page * PAGE_SIZE >= this.total) this.#pages.delete(page);
    }
    const far = [...this.#pages.keys()].sort((a, b) => Math.abs(b - number) - Math.abs(a - number));
    for (const page of far.slice(0, Math.max(0, far.length - PAGES_KEPT))) this.#pages.delete(page);
  }
}
