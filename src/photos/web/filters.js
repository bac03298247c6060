// What the deck shows: the sheet with all filters, and those that are on, above the deck.
import { h, reconcile, setAttribute, setText } from './dom.js';
import * as words from './words.js';

const FIXED = {
  reviewed: { yes: 'Reviewed', no: 'Not reviewed' },
  confidence: { low: 'Low confidence' },
  state: { failed: 'With errors', waiting: 'Not finished' },
};

/** Says `filter` ({detail: filters}) when someone chose others. */
export class Filters extends EventTarget {
  #sheet;
  #form;
  #active; // element with those that are on
  #filters = {};

  constructor(sheet, active) {
    super();
    this.#sheet = sheet;
    this.#form = sheet.querySelector('form');
    this.#active = active;
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      sheet.close();
    });
    this.#form.addEventListener('change', (event) => this.#changed(event.target));
    sheet.querySelector('.clear').addEventListener('click', () => this.clear());
    sheet.querySelector('.values').addEventListener('click', (event) => {
      const { field, value } = event.target.closest('button')?.dataset ?? {};
      if (!field) return;
      const on = this.#filters.field === field && this.#filters.value === value;
      this.#change({ field: on ? '' : field, value: on ? '' : value });
    });
  }

  get on() {
    return Object.entries(this.#filters).some(
      ([name, value]) => name !== 'order' && name !== 'q' && value,
    );
  }

  clear() {
    this.#say({ order: this.#filters.order });
  }

  /** Shows what is on now. */
  show(filters) {
    this.#filters = filters;
    this.#fillForm();
    this.#fillActive();
  }

  /** Takes what there is to choose from. */
  offer(facets) {
    const counted = (entries) =>
      entries.map((entry) =>
        h('option', { value: entry.name }, `${entry.name} (${words.number(entry.count)})`),
      );
    const { person, place, month } = this.#form.elements;
    person.replaceChildren(h('option', { value: '' }, 'Anyone'), ...counted(facets.people));
    place.replaceChildren(h('option', { value: '' }, 'Anywhere'), ...counted(facets.places));
    month.replaceChildren(
      h('option', { value: '' }, 'Any time'),
      ...facets.months.map((entry) =>
        h('option', { value: entry.month }, `${entry.month} (${words.number(entry.count)})`),
      ),
    );
    reconcile(this.#sheet.querySelector('.values'), facets.values, {
      key: (entry) => `${entry.field}\n${entry.value}`,
      make: (entry) =>
        h('button', {
          type: 'button',
          class: 'value-chip',
          title: words.title(entry.field),
          dataset: { field: entry.field, value: entry.value },
        }),
      update: (button, entry) => setText(button, `${entry.value} ${words.number(entry.count)}`),
    });
    this.show(this.#filters);
  }

  #changed(control) {
    if (control.name === 'month') {
      this.#change(monthRange(control.value));
    } else if (control.type === 'checkbox') {
      this.#change({ [control.name]: control.checked ? control.value : '' });
    } else if (control.name) {
      this.#change({ [control.name]: control.value });
    }
  }

  #change(values) {
    this.#say(
      Object.fromEntries(
        Object.entries({ ...this.#filters, ...values }).filter(([, value]) => value),
      ),
    );
  }

  #say(filters) {
    this.dispatchEvent(new CustomEvent('filter', { detail: filters }));
  }

  #fillForm() {
    const { elements } = this.#form;
    for (const name of ['order', 'person', 'place', 'from', 'to', 'reviewed', 'state']) {
      elements[name].value = this.#filters[name] ?? '';
    }
    elements.confidence.checked = this.#filters.confidence === 'low';
    const { from = '', to = '' } = this.#filters;
    elements.month.value = from && monthRange(from.slice(0, 7)).to === to ? from.slice(0, 7) : '';
    for (const button of this.#sheet.querySelectorAll('.values button')) {
      const { field, value } = button.dataset;
      setAttribute(
        button,
        'aria-pressed',
        field === this.#filters.field && value === this.#filters.value ? 'true' : 'false',
      );
    }
  }

  #fillActive() {
    const active = this.#describe();
    reconcile(this.#active, active, {
      key: ({ text }) => text,
      make: ({ text, without }) =>
        h(
          'li',
          {},
          h(
            'button',
            {
              type: 'button',
              'aria-label': `Remove filter: ${text}`,
              on: { click: () => this.#change(without) },
            },
            text,
            h('span', { 'aria-hidden': 'true' }, ' ×'),
          ),
        ),
      update: () => {},
    });
    this.#active.hidden = active.length === 0;
  }

  /** The filters that are on, in words; `without`: what taking one away changes. */
  #describe() {
    const { q, person, field, value, place, from, to, similar, cluster } = this.#filters;
    const active = [];
    const add = (text, ...names) =>
      active.push({ text, without: Object.fromEntries(names.map((name) => [name, ''])) });
    if (q) add(`“${q}”`, 'q');
    if (person) add(person, 'person');
    if (value) add(field ? `${words.title(field)}: ${value}` : value, 'field', 'value');
    if (place) add(place, 'place');
    if (from || to) add(`${from ?? '…'} to ${to ?? '…'}`, 'from', 'to');
    for (const [name, texts] of Object.entries(FIXED)) {
      if (this.#filters[name]) add(texts[this.#filters[name]] ?? this.#filters[name], name);
    }
    if (similar) add(`Similar to photo ${similar}`, 'similar');
    if (cluster) add('One burst', 'cluster');
    return active;
  }
}

/** The first and last day of "2024-05"; of none, no days. */
function monthRange(month) {
  if (!month) return { from: '', to: '' };
  const [year, index] = month.split('-').map(Number);
  const last = new Date(Date.UTC(year, index, 0)).getUTCDate();
  return { from: `${month}-01`, to: `${month}-${String(last).padStart(2, '0')}` };
}
