// Below the tags: where the tag in focus came from, and what can be done with it.
import { h, iconButton } from './dom.js';
import * as words from './words.js';

/** `actions`: {accept, edit, reject, select, merge}, called without arguments. */
export class Inspector {
  #element;
  #tags;
  #actions;

  constructor(element, tags, actions) {
    this.#element = element;
    this.#tags = tags;
    this.#actions = actions;
    tags.addEventListener('choose', () => this.#draw());
    this.#draw();
  }

  #draw() {
    const { current, chosen } = this.#tags;
    this.#element.hidden = current === null;
    if (current === null) {
      this.#element.replaceChildren();
      return;
    }
    // The buttons stay the same elements, so that one of them keeps the focus when the tag changes.
    if (!this.#element.firstElementChild) this.#element.append(h('div'), this.#buttons());
    const several = chosen.length > 1;
    const [text, buttons] = this.#element.children;
    text.replaceChildren(...(several ? describeSeveral(chosen) : describe(current)));
    buttons.querySelector('.merge').hidden = !several;
    buttons.querySelector('.edit').hidden = several;
    const selected = this.#tags.isSelected(current.id);
    buttons.querySelector('.select').setAttribute('aria-pressed', selected ? 'true' : 'false');
  }

  #buttons() {
    const { accept, edit, reject, select, merge } = this.#actions;
    return h(
      'div',
      { class: 'buttons' },
      iconButton('accept', 'Accept (a)', accept, { class: 'icon-button accept' }),
      iconButton('edit', 'Edit (e)', edit, { class: 'icon-button edit' }),
      iconButton('reject', 'Reject (x)', reject, { class: 'icon-button reject' }),
      h(
        'button',
        {
          type: 'button',
          class: 'select',
          title: 'Select (Space)',
          'aria-pressed': 'false',
          on: { click: select },
        },
        'Select',
      ),
      h(
        'button',
        { type: 'button', class: 'merge', title: 'Merge (m)', on: { click: merge } },
        'Merge',
      ),
    );
  }
}

function describeSeveral(tags) {
  return [
    h('strong', {}, words.count(tags.length, 'tag')),
    h('p', {}, tags.map((tag) => tag.value).join(', ')),
  ];
}

function describe(tag) {
  const { source } = tag;
  const facts = [
    tag.state === 'added' ? 'added by you' : source.tier,
    source.model,
    source.prompt && `prompt ${source.prompt}`,
    source.at && words.dateAndTime(source.at),
    tag.confidence == null ? '' : `${words.percent(tag.confidence)} sure`,
  ].filter(Boolean);
  const more = Object.entries(tag.details ?? {})
    .filter(([, value]) => value !== null && value !== '' && String(value) !== '')
    .map(([name, value]) => `${words.title(name)}: ${plain(value)}`);
  return [
    h('strong', {}, `${words.title(tag.field)}: ${tag.value}`),
    h('p', {}, `${words.title(words.TAG_STATES[tag.state] ?? tag.state)} · ${facts.join(' · ')}`),
    source.original ? h('p', {}, `Was: ${source.original}`) : null,
    source.from_photo
      ? h(
          'p',
          {},
          'Taken over from ',
          h('a', { href: `#/photo/${source.from_photo}` }, `photo ${source.from_photo}`),
          ' of the same burst',
        )
      : null,
    more.length > 0 ? h('p', {}, more.join(' · ')) : null,
  ].filter(Boolean);
}

function plain(value) {
  if (Array.isArray(value)) return value.map(plain).join(', ');
  if (value !== null && typeof value === 'object') {
    return Object.entries(value)
      .map(([name, part]) => `${name} ${plain(part)}`)
      .join(', ');
  }
  return String(value);
}
