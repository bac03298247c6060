// From photo to photo, while photos come and go around the one that is looked at.
import { go } from './router.js';
import { announce } from './say.js';
import * as words from './words.js';

export class Walk {
  #list;
  #grid;
  #place; // () => where the page is
  #current = null; // id of the grid's current photo
  #wanted = null; // index to open as soon as it is loaded

  constructor(list, grid, place) {
    this.#list = list;
    this.#grid = grid;
    this.#place = place;
    grid.addEventListener('choose', (event) => {
      this.#current = list.at(event.detail)?.id ?? null;
    });
  }

  /** "12 of 50,000"; empty while it is not known. */
  get position() {
    const index = this.#index();
    return index < 0 ? '' : `${words.number(index + 1)} of ${words.number(this.#list.total)}`;
  }

  /** The index so many photos from the deck's current one. Before the first move: that one. */
  fromCurrent(by) {
    const inDeck = document.activeElement?.closest('.tile');
    return inDeck ? this.#grid.current + by : this.#grid.current;
  }

  /** Opens the deck's current photo, unless the key is for a link or a button that is in focus. */
  open(event) {
    if (event.target.closest('a, button, input')) return false;
    const photo = this.#list.at(this.#grid.current);
    if (photo) this.#go(photo.id, this.#grid.current, false);
    return true;
  }

  /** Opens the photo so many after the open one. */
  step(by, { quiet = false } = {}) {
    const { photo, at } = this.#place();
    const found = this.#list.indexOf(photo);
    // One that is in the list no more left its place to its follower.
    const to = found >= 0 ? found + by : (at ?? 0) + (by > 0 ? by - 1 : by);
    if (to < 0 || to >= this.#list.total) {
      if (!quiet) announce(to < 0 ? 'This is the first photo' : 'This is the last photo');
      return;
    }
    this.#wanted = to;
    if (!this.#list.at(to)) this.#grid.select(to); // which has it loaded
    this.follow();
  }

  /** Opens a photo wherever it is. */
  show(id) {
    const index = this.#list.indexOf(id);
    this.#go(id, index < 0 ? null : index, true);
  }

  /** After the list or the place changed: keeps to the same photo, at whatever index it is now. */
  follow() {
    if (this.#wanted !== null && this.#list.at(this.#wanted)) {
      const index = this.#wanted;
      this.#wanted = null;
      this.#go(this.#list.at(index).id, index, true);
      return;
    }
    if (this.#wanted !== null) return;
    const { photo, at, filters } = this.#place();
    if (photo !== null) {
      const index = this.#index();
      if (index >= 0 && index !== this.#grid.current) this.#grid.select(index);
      const unseen = index < 0 && at !== null && at < this.#list.total && !this.#list.at(at);
      if (unseen && this.#grid.current !== at) this.#grid.select(at); // which has it loaded
      if (index >= 0 && index !== at) go({ photo, at: index, filters }, { replace: true });
    } else if (this.#current !== null && this.#list.at(this.#grid.current)?.id !== this.#current) {
      const index = this.#list.indexOf(this.#current);
      if (index >= 0) this.#grid.shift(index);
    }
  }

  /** The photo after the open one, as the list has it; undefined: none is known. */
  get next() {
    const index = this.#index();
    return index < 0 ? undefined : this.#list.at(index + 1);
  }

  #index() {
    const { photo, at } = this.#place();
    if (photo === null) return -1;
    return this.#list.at(at ?? -1)?.id === photo ? at : this.#list.indexOf(photo);
  }

  #go(photo, at, replace) {
    go({ photo, at, filters: this.#place().filters }, { replace });
  }
}
