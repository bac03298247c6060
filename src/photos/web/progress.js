// How far all tiers are, with rates and estimates, and what went wrong, with retry.
import { api } from './api.js';
import { h, reconcile, setAttribute, setText } from './dom.js';
import { address } from './router.js';
import { complain, say } from './say.js';
import * as words from './words.js';

export class Progress {
  #sheet;
  #button;
  #rows;
  #list; // of errors
  #asked = 0; // how often the program was asked
  #shown = 0; // which of its answers is shown
  #troubles = {}; // tier → why it does not get on: its model cannot be loaded, say

  constructor(sheet, button) {
    this.#sheet = sheet;
    this.#button = button;
    this.#rows = sheet.querySelector('tbody');
    this.#list = sheet.querySelector('.errors');
    sheet.addEventListener('opened', () => this.#fetch());
    sheet
      .querySelector('.retry-all')
      .addEventListener('click', () => this.#retry(() => api.retryAll()));
  }

  /** Takes what an event says. What it leaves out is asked for where one looks at it. */
  show(progress) {
    this.#show(progress);
    if (this.#sheet.open) this.#fetch();
  }

  #show(progress) {
    const left = progress.tiers.reduce((sum, tier) => sum + toDo(tier), 0);
    setText(this.#button.querySelector('.left'), left > 0 ? words.number(left) : '');
    setAttribute(
      this.#button,
      'aria-label',
      `Progress (g): ${left > 0 ? `${words.count(left, 'step')} to do` : 'all done'}${
        progress.errors > 0 ? `, ${words.count(progress.errors, 'error')}` : ''
      }`,
    );
    this.#button.classList.toggle('errors', progress.errors > 0);
    setText(
      this.#sheet.querySelector('.summary'),
      words.count(progress.photos, 'photo') + (left > 0 ? '' : ', all done'),
    );
    // Events do not say what troubles a tier as a whole; answers do.
    this.#troubles = progress.troubles ?? this.#troubles;
    reconcile(this.#rows, progress.tiers, {
      key: (tier) => tier.name,
      make: makeRow,
      update: (row, tier) => fillRow(row, tier, this.#troubles[tier.name]),
    });
  }

  /** Answers may overtake each other: the one that was asked for last stays. */
  async #fetch() {
    const number = ++this.#asked;
    try {
      const [progress, { errors }] = await Promise.all([api.progress(), api.errors()]);
      if (number < this.#shown) return;
      this.#shown = number;
      this.#show(progress);
      this.#showErrors(errors);
    } catch (error) {
      complain(error);
    }
  }

  #showErrors(errors) {
    const troubled = Object.keys(this.#troubles).length > 0;
    this.#sheet.querySelector('.retry-all').hidden = errors.length === 0 && !troubled;
    this.#sheet.querySelector('.no-errors').hidden = errors.length > 0;
    reconcile(this.#list, errors, {
      key: (error) => `${error.photo} ${error.tier} ${error.path}`,
      make: (error) => this.#makeError(error),
      update: (row, error) =>
        setText(
          row.querySelector('.why'),
          `${error.error} (${words.count(error.attempts ?? 1, 'attempt')}` +
            `${error.next_try ? `, next ${words.dateAndTime(error.next_try)}` : ''})`,
        ),
    });
  }

  #makeError({ photo, path, name, tier }) {
    const title = name ?? path;
    if (photo == null) {
      return h(
        'li',
        {},
        h('strong', {}, title),
        h('p', { class: 'why' }),
        h('p', { class: 'path' }, path),
      );
    }
    const link = h(
      'a',
      { href: address({ photo, filters: {} }), on: { click: () => this.#sheet.close() } },
      title,
    );
    return h(
      'li',
      {},
      link,
      h('span', { class: 'tier-name' }, tier),
      h('p', { class: 'why' }),
      h(
        'button',
        {
          type: 'button',
          'aria-label': `Try again: ${title}, ${tier}`,
          on: { click: () => this.#retry(() => api.retryTier(photo, tier)) },
        },
        'Try again',
      ),
    );
  }

  async #retry(request) {
    try {
      await request();
      say('It will be tried again');
      await this.#fetch();
    } catch (error) {
      complain(error);
    }
  }
}

function makeRow(tier) {
  return h(
    'tr',
    {},
    h('th', { scope: 'row' }, tier.title, h('p', { class: 'trouble' })),
    h('td', {}, h('progress', { 'aria-label': tier.title }), h('span', { class: 'done' })),
    ...['waiting', 'failed', 'rate', 'left', 'time'].map((name) => h('td', { class: name })),
  );
}

/** Steps that are not finished; those that wait for another tier are among them. */
const toDo = (tier) => tier.blocked + tier.waiting + tier.running;

function fillRow(row, tier, trouble) {
  const finished = tier.done + tier.shared;
  const failed = tier.failed + tier.set_aside;
  const all = finished + failed + toDo(tier);
  const bar = row.querySelector('progress');
  bar.max = Math.max(1, all);
  bar.value = finished;
  const cell = (name, text) => setText(row.querySelector(`.${name}`), text);
  cell(
    'done',
    `${words.number(finished)} of ${words.number(all)}` +
      (tier.shared ? ` (${words.number(tier.shared)} shared)` : ''),
  );
  cell('waiting', words.number(toDo(tier)));
  cell('trouble', trouble ?? '');
  cell('failed', words.number(failed));
  cell(
    'rate',
    tier.per_minute ? `${tier.per_minute.toFixed(tier.per_minute < 10 ? 1 : 0)} / min` : '–',
  );
  cell(
    'left',
    tier.eta_seconds == null || toDo(tier) === 0 ? '–' : words.duration(tier.eta_seconds * 1000),
  );
  cell(
    'time',
    tier.p50_ms == null ? '–' : `${words.duration(tier.p50_ms)}, ${words.duration(tier.p95_ms)}`,
  );
}
