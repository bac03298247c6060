// Boxes over the large photo: faces, which can be named, and text and barcodes, which can be read.
import { h, reconcile, setAttribute, setText } from './dom.js';

/** Says `name` ({detail: region}) when a face is pressed. */
export class Boxes extends EventTarget {
  #element;

  constructor(element) {
    super();
    this.#element = element;
  }

  toggle() {
    this.#element.hidden = !this.#element.hidden;
    return !this.#element.hidden;
  }

  show(regions) {
    reconcile(this.#element, regions, {
      key: (region) => region.id,
      make: (region) =>
        region.kind === 'face'
          ? h('button', { type: 'button', class: 'box face' }, h('span', { class: 'label' }))
          : h('div', { class: `box ${region.kind}` }, h('span', { class: 'label' })),
      update: (box, region) => this.#fill(box, region),
    });
  }

  #fill(box, region) {
    const [x, y, width, height] = region.box;
    box.style.left = `${x * 100}%`;
    box.style.top = `${y * 100}%`;
    box.style.width = `${width * 100}%`;
    box.style.height = `${height * 100}%`;
    const text = region.kind === 'face' ? (region.person?.name ?? '') : region.text;
    setText(box.firstElementChild, text);
    if (region.kind !== 'face') return;
    setAttribute(box, 'aria-label', text ? `Face: ${text}` : 'Face without a name');
    setAttribute(box, 'title', text ? `${text}: press to change the name` : 'Who is this?');
    box.onclick = () => this.dispatchEvent(new CustomEvent('name', { detail: region }));
  }
}
