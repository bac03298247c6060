// The deck: thumbnails of all photos, of which only those in view are elements.
import { h, icon, setAttribute } from './dom.js';
import { address } from './router.js';
import * as words from './words.js';

/** Tiles are at least this wide, in pixels; narrow screens have three in a row. */
const TILE = 180;
const GAP = 6;
/** Rows made above and below those in view, so that scrolling meets finished tiles. */
const ROWS_BEYOND = 3;

/** Says `choose` ({detail: index}) when a photo became the current one. */
export class Grid extends EventTarget {
  /** The current photo: what the tab key comes to, what arrows start from. */
  current = 0;
  #list;
  #scroller;
  #tiles; // element of all tiles
  #shown = new Map(); // index → element
  #columns = 1;
  #size = TILE;
  #frame = 0;
  #anchor = { index: 0, id: undefined }; // the first photo in view
  #focusLater = null; // index that gets the focus when the list is there

  constructor(scroller, list) {
    super();
    this.#list = list;
    this.#scroller = scroller;
    this.#tiles = h('div', { class: 'tiles', role: 'list', 'aria-label': 'Photos' });
    scroller.append(this.#tiles);
    scroller.addEventListener('scroll', () => this.#later(), { passive: true });
    new ResizeObserver(() => this.#resize()).observe(scroller);
    list.addEventListener('change', () => {
      this.#later();
      const nowhere = document.activeElement === document.body;
      if (this.#focusLater !== null && nowhere && list.total > 0) this.focus(this.#focusLater);
    });
    this.#tiles.addEventListener('focusin', (event) => {
      const tile = event.target.closest('.tile');
      if (tile) this.#choose(Number(tile.dataset.index));
    });
    this.#resize();
  }

  get columns() {
    return this.#columns;
  }

  /**
   * Goes to the photo at `index`, as far as there are photos: it is scrolled to and gets the focus;
   * of a list that is not there yet, as soon as it is.
   */
  focus(index) {
    this.#focusLater = this.#list.total === 0 ? index : null;
    if (this.#list.total === 0) return;
    this.#choose(Math.max(0, Math.min(index, this.#list.total - 1)));
    this.reveal(this.current);
    this.#draw();
    this.#shown.get(this.current)?.firstElementChild.focus({ preventScroll: true });
  }

  /** Makes a photo the current one without taking the focus. */
  select(index) {
    this.#draw(); // which makes room for as many as there are
    this.#choose(index);
    this.reveal(index);
    this.#later();
  }

  /** Scrolls as little as is needed to have a photo in view. */
  reveal(index) {
    const top = Math.floor(index / this.#columns) * this.#pitch;
    const view = this.#scroller.clientHeight;
    if (top < this.#scroller.scrollTop) {
      this.#scroller.scrollTop = top;
    } else if (top + this.#pitch > this.#scroller.scrollTop + view) {
      this.#scroller.scrollTop = top + this.#pitch - view + GAP;
    }
  }

  /** The current photo is at another index now. */
  shift(index) {
    const focused = this.#tiles.contains(document.activeElement);
    this.#draw(); // keeps what is in view where it is
    this.#choose(index);
    if (focused) this.focus(index);
  }

  /** Shows the beginning, of another list. */
  restart() {
    this.#scroller.scrollTop = 0;
    this.#anchor = { index: 0, id: undefined };
    this.current = 0;
    this.#later();
  }

  get #pitch() {
    return this.#size + GAP;
  }

  #choose(index) {
    const before = this.#shown.get(this.current);
    if (before) before.firstElementChild.tabIndex = -1;
    this.current = index;
    const now = this.#shown.get(index);
    if (now) now.firstElementChild.tabIndex = 0;
    this.dispatchEvent(new CustomEvent('choose', { detail: index }));
  }

  #resize() {
    const width = this.#tiles.clientWidth;
    if (width === 0) return;
    const first = Math.floor(this.#scroller.scrollTop / this.#pitch) * this.#columns;
    this.#columns = Math.max(3, Math.floor((width + GAP) / (TILE + GAP)));
    this.#size = (width + GAP) / this.#columns - GAP;
    this.#scroller.scrollTop = Math.floor(first / this.#columns) * this.#pitch;
    this.#later();
  }

  /** Draws before the next frame, however often it is asked for. */
  #later() {
    this.#frame ||= requestAnimationFrame(() => this.#draw());
  }

  #draw() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    const { total } = this.#list;
    const rows = Math.ceil(total / this.#columns);
    this.#tiles.style.height = `${Math.max(0, rows * this.#pitch - GAP)}px`;
    this.#keepAnchor();
    const top = this.#scroller.scrollTop;
    const above = Math.floor(top / this.#pitch);
    const below = Math.ceil((top + this.#scroller.clientHeight) / this.#pitch);
    const first = Math.max(0, (above - ROWS_BEYOND) * this.#columns);
    const last = Math.min(total, (below + ROWS_BEYOND) * this.#columns) - 1;
    if (this.current >= total) this.current = Math.max(0, total - 1);
    // The one with the focus stays wherever it is, or the focus would be lost by scrolling.
    const focused = document.activeElement?.closest('.tile');
    for (const [index, tile] of this.#shown) {
      if ((index < first || index > last) && (tile !== focused || index >= total)) {
        tile.remove();
        this.#shown.delete(index);
      }
    }
    this.#list.want(above * this.#columns, Math.max(0, Math.min(last, below * this.#columns - 1)));
    let next = Number(focused?.dataset.index) > last && focused.isConnected ? focused : null;
    for (let index = last; index >= first; index--) next = this.#tile(index, next);
    for (const index of this.#shown.keys()) this.#place(index);
    this.#anchor = { index: above * this.#columns, id: this.#list.at(above * this.#columns)?.id };
  }

  /** When photos came above those in view, scrolls along, so that these stay where they are. */
  #keepAnchor() {
    const { index, id } = this.#anchor;
    if (this.#scroller.scrollTop === 0 || id === undefined || this.#list.at(index)?.id === id)
      return;
    const now = this.#list.indexOf(id);
    if (now < 0) return;
    const rows = Math.floor(now / this.#columns) - Math.floor(index / this.#columns);
    this.#scroller.scrollTop += rows * this.#pitch;
  }

  /** The tile of a photo, which stands before `next`: screen readers go by that order. */
  #tile(index, next) {
    let tile = this.#shown.get(index);
    if (tile) return tile;
    tile = h(
      'div',
      { class: 'tile', role: 'listitem', dataset: { index } },
      h(
        'a',
        { tabindex: index === this.current ? 0 : -1 },
        h('img', { alt: '', decoding: 'async' }),
        h('span', { class: 'badges' }),
      ),
    );
    this.#shown.set(index, tile);
    this.#tiles.insertBefore(tile, next);
    return tile;
  }

  #place(index) {
    const tile = this.#shown.get(index);
    const photo = this.#list.at(index);
    const { total } = this.#list;
    const layout = `${this.#columns} ${this.#size} ${total}`;
    if (tile.layout === layout && tile.photo === photo) return; // most, while one scrolls
    Object.assign(tile, { layout, photo });
    const x = (index % this.#columns) * this.#pitch;
    const y = Math.floor(index / this.#columns) * this.#pitch;
    tile.style.transform = `translate(${x}px, ${y}px)`;
    tile.style.width = `${this.#size}px`;
    tile.style.height = `${this.#size}px`;
    setAttribute(tile, 'aria-setsize', total);
    setAttribute(tile, 'aria-posinset', index + 1);
    fillTile(tile, photo, index, this.#list.filters);
  }
}

/** Shows a photo on a tile; undefined: one that is not loaded yet. */
function fillTile(tile, photo, index, filters) {
  const link = tile.firstElementChild;
  const image = link.firstElementChild;
  tile.classList.toggle('empty', !photo?.thumbnail);
  setAttribute(link, 'aria-label', photo ? describe(photo) : 'Loading');
  setAttribute(link, 'href', photo ? address({ photo: photo.id, at: index, filters }) : null);
  setAttribute(image, 'src', photo?.thumbnail ?? null);
  image.hidden = !photo?.thumbnail;
  fillBadges(link.lastElementChild, photo);
}

function describe(photo) {
  const states = Object.values(photo.tiers);
  return [
    photo.name,
    words.date(photo.taken),
    photo.tags.join(', '),
    photo.reviewed ? 'reviewed' : 'not reviewed',
    photo.cluster ? `one of ${photo.cluster.size} alike` : '',
    photo.low_confidence ? 'low confidence' : '',
    states.some((state) => state === 'failed' || state === 'set_aside') ? 'with errors' : '',
  ]
    .filter(Boolean)
    .join(', ');
}

function fillBadges(badges, photo) {
  const states = photo ? Object.values(photo.tiers) : [];
  const names = [];
  if (photo?.reviewed) names.push('accept');
  if (photo?.cluster) names.push('stack');
  if (states.some((state) => state === 'failed' || state === 'set_aside')) names.push('warning');
  if (states.includes('running')) names.push('running');
  const text = names.join(' ') + (photo?.cluster ? ` ${photo.cluster.size}` : '');
  if (badges.dataset.shown === text) return;
  badges.dataset.shown = text;
  badges.replaceChildren(
    ...names.map((name) => {
      if (name === 'running') return h('span', { class: 'badge running' });
      const badge = h('span', { class: `badge ${name}` }, icon(name));
      if (name === 'stack') badge.append(String(photo.cluster.size));
      return badge;
    }),
  );
}
