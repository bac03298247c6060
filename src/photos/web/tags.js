// The tags of a photo by tier and field, which arrive and change while one works on them.
import { h, icon, reconcile, setAttribute, setText } from './dom.js';
import * as words from './words.js';

const MARKS = { accepted: 'accept', rejected: 'reject', edited: 'edit', added: 'add' };
const BY_HAND = 'by hand';

/** Says `choose` when another tag, or none, came into focus or was selected. */
export class Tags extends EventTarget {
  /** The tag that was in focus last, which keys and the inspector act on; null: none. */
  current = null;
  #element;
  #tiers; // of the library, in their order
  #photo = null;
  #selected = new Set();

  constructor(element, tiers) {
    super();
    this.#element = element;
    this.#tiers = tiers;
    element.addEventListener('focusin', (event) => {
      const id = event.target.dataset.key;
      if (event.target.matches('.tag')) this.#choose(this.#tag(Number(id)));
    });
    element.addEventListener('click', (event) => {
      const chip = event.target.closest('.tag');
      if (!chip) return;
      chip.focus(); // Safari does not focus what is pressed
      if (event.shiftKey || event.ctrlKey || event.metaKey) this.toggleSelected();
    });
  }

  /** Shows a photo's tags; of the same photo, what changed. */
  show(photo) {
    if (this.#photo?.id !== photo.id) {
      this.#selected.clear();
      this.current = null;
    }
    const focused = this.#element.contains(document.activeElement);
    const order = this.#ordered().map((tag) => tag.id);
    const at = order.indexOf(this.current?.id);
    this.#photo = photo;
    for (const id of this.#selected) if (!this.#tag(id)) this.#selected.delete(id);
    if (this.current) this.current = this.#tag(this.current.id) ?? null;
    reconcile(this.#element, this.#sections(), {
      key: (section) => section.name,
      make: ({ title }) => h('section', { class: 'tier' }, h('h3', {}, title), h('div')),
      update: (element, section) => fillSection(element, section, this),
    });
    if (focused && !this.#element.contains(document.activeElement)) this.#refocus(order, at);
    this.#fillRoving();
    this.dispatchEvent(new Event('choose'));
  }

  /** Shows nothing, until a photo's details are there. */
  clear() {
    this.#photo = null;
    this.current = null;
    this.#selected.clear();
    this.#element.replaceChildren();
    this.dispatchEvent(new Event('choose'));
  }

  isSelected(id) {
    return this.#selected.has(id);
  }

  /** The tags that accepting, rejecting and merging are about: those selected, else the current. */
  get chosen() {
    const selected = this.#ordered().filter((tag) => this.#selected.has(tag.id));
    return selected.length > 0 ? selected : this.current ? [this.current] : [];
  }

  get proposed() {
    return this.#ordered().filter((tag) => tag.state === 'proposed');
  }

  /** Takes the current tag into the selection, or out of it. */
  toggleSelected() {
    if (!this.current) return;
    const { id } = this.current;
    if (!this.#selected.delete(id)) this.#selected.add(id);
    this.#redrawChip(id);
    this.dispatchEvent(new Event('choose'));
  }

  clearSelection() {
    const before = [...this.#selected];
    this.#selected.clear();
    before.forEach((id) => this.#redrawChip(id));
    this.dispatchEvent(new Event('choose'));
  }

  /** Moves the focus by so many tags; from no tag, to the first or last one. */
  step(by) {
    const tags = this.#ordered();
    if (tags.length === 0) return;
    const at = this.current ? tags.findIndex((tag) => tag.id === this.current.id) : -1;
    const to = at < 0 ? (by > 0 ? 0 : tags.length - 1) : at + by;
    this.focus(tags[Math.max(0, Math.min(to, tags.length - 1))].id);
  }

  focus(id) {
    this.#chip(id)?.focus();
  }

  /** Goes to the next tag that nobody has decided on, after those in `done`. */
  focusNextProposed(done = []) {
    const tags = this.#ordered();
    const from = tags.findIndex((tag) => tag.id === this.current?.id);
    const later = [...tags.slice(from + 1), ...tags.slice(0, from + 1)];
    const next = later.find((tag) => tag.state === 'proposed' && !done.includes(tag.id));
    if (next) this.focus(next.id);
  }

  /** The tags of each tier of the library that has some, and those made by hand. */
  #sections() {
    const byHand = { name: BY_HAND, title: 'By you', tags: [] };
    const sections = this.#tiers.map(({ name, title }) => ({ name, title, tags: [] }));
    for (const tag of this.#photo?.tags ?? []) {
      const section = sections.find(({ name }) => name === tag.source.tier);
      (tag.state === 'added' || !section ? byHand : section).tags.push(tag);
    }
    return [byHand, ...sections]
      .filter(({ tags }) => tags.length > 0)
      .map((section) => ({ ...section, fields: byField(section.tags) }));
  }

  /** All tags as they stand on the page. */
  #ordered() {
    return this.#sections().flatMap(({ fields }) => fields.flatMap(({ tags }) => tags));
  }

  #tag(id) {
    return this.#photo?.tags.find((tag) => tag.id === id);
  }

  #chip(id) {
    return this.#element.querySelector(`.tag[data-key="${id}"]`);
  }

  #redrawChip(id) {
    const tag = this.#tag(id);
    if (tag) fillChip(this.#chip(id), tag, this);
  }

  #choose(tag) {
    if (!tag || tag.id === this.current?.id) return;
    this.current = tag;
    this.#fillRoving();
    this.dispatchEvent(new Event('choose'));
  }

  /** The tab key comes to one tag; arrows go from there. */
  #fillRoving() {
    const chips = [...this.#element.querySelectorAll('.tag')];
    const stop = chips.find((chip) => Number(chip.dataset.key) === this.current?.id) ?? chips[0];
    for (const chip of chips) chip.tabIndex = chip === stop ? 0 : -1;
  }

  /** The tag in focus is gone, which stood `at` in `order`: the next that is left gets the focus. */
  #refocus(order, at) {
    const near = [...order.slice(at + 1), ...order.slice(0, Math.max(0, at)).reverse()];
    const next = near.find((id) => this.#tag(id));
    if (next !== undefined) this.focus(next);
  }
}

function byField(tags) {
  const fields = new Map();
  for (const tag of tags) fields.set(tag.field, [...(fields.get(tag.field) ?? []), tag]);
  return [...fields].map(([field, its]) => ({ field, tags: its }));
}

function fillSection(element, section, tags) {
  reconcile(element.lastElementChild, section.fields, {
    key: ({ field }) => field,
    make: ({ field }) =>
      h(
        'div',
        { class: 'field', role: 'group', 'aria-label': words.title(field) },
        h('h4', {}, words.title(field)),
        h('div', { class: 'chips' }),
      ),
    update: (group, field) =>
      reconcile(group.lastElementChild, field.tags, {
        key: (tag) => tag.id,
        make: makeChip,
        update: (chip, tag) => fillChip(chip, tag, tags),
      }),
  });
}

function makeChip() {
  return h(
    'button',
    { type: 'button', class: 'tag arriving', tabindex: -1 },
    h('span', { class: 'value' }),
    h('span', { class: 'mark' }),
  );
}

function fillChip(chip, tag, tags) {
  const value = tag.value || '(nothing)';
  setText(chip.firstElementChild, value);
  const sure = tag.confidence == null ? '' : `, ${words.percent(tag.confidence)} sure`;
  setAttribute(
    chip,
    'aria-label',
    `${value}, ${words.title(tag.field)}, ${words.TAG_STATES[tag.state] ?? tag.state}${sure}`,
  );
  setAttribute(chip, 'aria-pressed', tags.isSelected(tag.id) ? 'true' : 'false');
  setAttribute(chip, 'data-state', tag.state);
  chip.classList.toggle('unsure', tag.state === 'proposed' && (tag.confidence ?? 1) < 0.5);
  const mark = chip.lastElementChild;
  if (mark.dataset.of === tag.state) return;
  mark.dataset.of = tag.state;
  mark.replaceChildren(...(MARKS[tag.state] ? [icon(MARKS[tag.state])] : []));
}
