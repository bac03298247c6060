// All that is known of single photos, kept up to date for the one that is looked at.
import { api } from './api.js';

const KEPT = 24;

/** Says `change` ({detail: photo}) when a photo's details came, `error` ({detail: {id, error}}). */
export class PhotoDetails extends EventTarget {
  #photos = new Map(); // id → details, the latest used last
  #stamps = new Map(); // id → how often what we know of it became old
  #loading = new Set();

  /** What is known now; undefined: nothing. */
  get(id) {
    return this.#photos.get(id);
  }

  /** Fetches a photo's details, if they are not being fetched already. */
  async load(id) {
    if (this.#loading.has(id)) return;
    this.#loading.add(id);
    try {
      // An answer that was overtaken by an action or a change is not shown: ask again.
      for (let stamp = -1; stamp !== this.#stamp(id);) {
        stamp = this.#stamp(id);
        const photo = await api.photo(id);
        if (stamp === this.#stamp(id)) this.#keep(photo);
      }
    } catch (error) {
      this.dispatchEvent(new CustomEvent('error', { detail: { id, error } }));
    } finally {
      this.#loading.delete(id);
    }
  }

  /** Takes what an action answered. */
  put(photo) {
    this.#stamps.set(photo.id, this.#stamp(photo.id) + 1);
    this.#keep(photo);
  }

  /** What is known of a photo is old; it is fetched again when `wanted`, else when it is opened. */
  touch(id, wanted) {
    this.#stamps.set(id, this.#stamp(id) + 1);
    if (wanted) {
      this.load(id);
    } else {
      this.#photos.delete(id);
    }
  }

  #stamp(id) {
    return this.#stamps.get(id) ?? 0;
  }

  #keep(photo) {
    this.#photos.delete(photo.id);
    this.#photos.set(photo.id, photo);
    if (this.#photos.size > KEPT) this.#photos.delete(this.#photos.keys().next().value);
    this.dispatchEvent(new CustomEvent('change', { detail: photo }));
  }
}
