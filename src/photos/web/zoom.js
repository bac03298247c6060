// Looking closer at the large photo: wheel, two fingers, keys and buttons; dragging moves it.
import { setText } from './dom.js';
import { announce } from './say.js';

/** Pictures have 2048 pixels at most: more than this shows nothing new. */
const LARGEST = 6;
const STEP = 1.5; // of a key or a button
const WHEEL = 0.002; // of the wheel's pixels, as an exponent
const MOVED = 4; // pixels from which on a press is a drag
const SHARE = 0.2; // of the stage that a key moves the photo by

const limited = (value, least, most) => Math.min(Math.max(value, least), most);

export class Zoom {
  #stage;
  #frame;
  #controls; // {out, level, into}: buttons
  #scale = 1;
  #shift = [0, 0]; // of the photo's middle from the stage's, pixels
  #fitted = [0, 0]; // the frame's size at 100 %
  #pointers = new Map(); // those that are down: id → [x, y] from the stage's middle
  #pressed = [0, 0]; // where the last one went down
  #dragged = false; // what is dragged is not clicked

  constructor(stage, frame, group) {
    this.#stage = stage;
    this.#frame = frame;
    const [out, level, into] = group.querySelectorAll('button');
    this.#controls = { out, level, into };
    out.addEventListener('click', () => this.out());
    level.addEventListener('click', () => this.reset());
    into.addEventListener('click', () => this.in());
    stage.addEventListener('wheel', (event) => this.#wheel(event), { passive: false });
    stage.addEventListener('dblclick', (event) => this.#doubleClick(event));
    stage.addEventListener('pointerdown', (event) => this.#down(event));
    stage.addEventListener('pointermove', (event) => this.#move(event));
    for (const name of ['pointerup', 'pointercancel']) {
      stage.addEventListener(name, (event) => this.#pointers.delete(event.pointerId));
    }
    stage.addEventListener('click', (event) => this.#click(event), { capture: true });
    this.#show();
  }

  in() {
    this.#to(this.#scale * STEP);
    this.#tell();
  }

  out() {
    this.#to(this.#scale / STEP);
    this.#tell();
  }

  reset() {
    this.#to(1);
    this.#tell();
  }

  /** Of another photo: all of it, without a word. */
  start() {
    this.#to(1);
  }

  /** Moves what is seen by steps right and down; false where all of the photo is seen. */
  pan(right, down) {
    if (this.#scale === 1) return false;
    const { width, height } = this.#stage.getBoundingClientRect();
    this.#shiftBy(-right * SHARE * width, -down * SHARE * height);
    return true;
  }

  /** Makes the frame as large as it is seen now; at 100 % it has this size. */
  layOut(width, height) {
    this.#fitted = [width, height];
    this.#shiftBy(0, 0);
  }

  /** Zooms so that what is at `at`, pixels from the stage's middle, stays there. */
  #to(scale, at = [0, 0]) {
    const next = limited(scale, 1, LARGEST);
    const factor = next / this.#scale;
    this.#scale = Math.abs(next - 1) < 0.01 ? 1 : next;
    this.#shiftBy(
      ...this.#shift.map((shift, axis) => (at[axis] - shift) * (1 - factor)),
    );
  }

  /** Moves the photo, no further than to its edges. */
  #shiftBy(x, y) {
    const room = this.#stage.getBoundingClientRect();
    const most = [room.width, room.height].map((length, axis) =>
      Math.max(0, (this.#fitted[axis] * this.#scale - length) / 2),
    );
    this.#shift = [x, y].map((by, axis) =>
      limited(this.#shift[axis] + by, -most[axis], most[axis]),
    );
    this.#show();
  }

  #show() {
    const [width, height] = this.#fitted;
    this.#frame.style.width = `${width * this.#scale}px`;
    this.#frame.style.height = `${height * this.#scale}px`;
    this.#frame.style.translate = `${this.#shift[0]}px ${this.#shift[1]}px`;
    const { out, level, into } = this.#controls;
    const zoomed = this.#scale > 1;
    this.#stage.classList.toggle('zoomed', zoomed);
    setText(level, this.#level());
    out.disabled = level.disabled = !zoomed;
    into.disabled = this.#scale === LARGEST;
  }

  #level() {
    return `${Math.round(this.#scale * 100)} %`;
  }

  #tell() {
    announce(`Zoom ${this.#level()}`);
  }

  #place(event) {
    const room = this.#stage.getBoundingClientRect();
    return [
      event.clientX - room.left - room.width / 2,
      event.clientY - room.top - room.height / 2,
    ];
  }

  /** A touchpad's pinch is a wheel too. */
  #wheel(event) {
    event.preventDefault();
    const pixels = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 20 : 1;
    const pinch = event.ctrlKey ? 5 : 1; // its steps are small
    this.#to(this.#scale * Math.exp(-event.deltaY * pixels * pinch * WHEEL), this.#place(event));
  }

  #doubleClick(event) {
    if (event.target.closest('button')) return;
    this.#to(this.#scale > 1 ? 1 : 2, this.#place(event));
    this.#tell();
  }

  #down(event) {
    if (event.pointerType === 'mouse' && event.button !== 0) return;
    this.#pointers.set(event.pointerId, this.#place(event));
    this.#pressed = this.#place(event);
    this.#dragged = this.#pointers.size > 1;
  }

  #move(event) {
    const before = this.#pointers.get(event.pointerId);
    if (!before) return;
    const now = this.#place(event);
    if (!this.#dragged) {
      const far = Math.hypot(now[0] - this.#pressed[0], now[1] - this.#pressed[1]) >= MOVED;
      if (!far || this.#scale === 1) return;
      this.#dragged = true;
      this.#stage.setPointerCapture(event.pointerId);
    }
    this.#pointers.set(event.pointerId, now);
    const others = [...this.#pointers].filter(([id]) => id !== event.pointerId);
    if (others.length === 0) {
      this.#shiftBy(now[0] - before[0], now[1] - before[1]);
    } else if (others.length === 1) {
      this.#pinch(before, now, others[0][1]);
    }
  }

  /** One of two fingers moves: what is between them goes with them. */
  #pinch(before, now, other) {
    const middle = (a, b) => a.map((value, axis) => (value + b[axis]) / 2);
    const length = (a, b) => Math.max(1, Math.hypot(a[0] - b[0], a[1] - b[1]));
    const from = middle(before, other);
    const to = middle(now, other);
    this.#to((this.#scale * length(now, other)) / length(before, other), from);
    this.#shiftBy(to[0] - from[0], to[1] - from[1]);
  }

  #click(event) {
    if (!this.#dragged) return;
    this.#dragged = false;
    event.stopPropagation();
  }
}
