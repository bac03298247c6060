// The one form for values: editing, adding and merging tags, naming a face.
import { h, setText } from './dom.js';
import * as words from './words.js';

export class Composer {
  #form;
  #heading = h('h3', { id: 'composer-heading' });
  #field = h('select', { 'aria-label': 'Field' });
  #value = h('input', {
    type: 'text',
    autocomplete: 'off',
    list: 'composer-values',
    maxlength: 500,
  });
  #values = h('datalist', { id: 'composer-values' });
  #submit = null;
  #done = null;

  constructor(form) {
    this.#form = form;
    form.append(
      this.#heading,
      this.#field,
      this.#value,
      this.#values,
      h(
        'div',
        { class: 'buttons' },
        h('button', { class: 'primary' }, 'Save'),
        h('button', { type: 'button', on: { click: () => this.close() } }, 'Cancel'),
      ),
    );
    form.setAttribute('aria-labelledby', 'composer-heading');
    this.#value.setAttribute('aria-labelledby', 'composer-heading');
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      const value = this.#value.value.trim();
      if (value === '' && this.#value.required) return;
      const submit = this.#submit;
      this.close();
      submit(value, this.#field.value);
    });
    form.addEventListener('keydown', (event) => {
      if (event.key !== 'Escape') return;
      event.preventDefault();
      this.close();
    });
  }

  get open() {
    return !this.#form.hidden;
  }

  /**
   * Asks for a value: `title`, the `value` to begin with, `suggestions`, `fields` to choose from
   * (none: no choice), whether it may be `empty`; `submit(value, field)`; `done()` gets the focus
   * back to where it was.
   */
  ask({ title, value = '', suggestions = [], fields = [], empty = false, submit, done }) {
    this.#submit = submit;
    this.#done = done;
    setText(this.#heading, title);
    this.#field.replaceChildren(
      ...fields.map((field) => h('option', { value: field }, words.title(field))),
    );
    this.#field.hidden = fields.length === 0;
    this.#values.replaceChildren(...suggestions.map((text) => h('option', { value: text })));
    this.#value.required = !empty;
    this.#value.value = value;
    this.#form.hidden = false;
    this.#value.focus();
    this.#value.select();
  }

  close() {
    if (!this.open) return;
    this.#form.hidden = true;
    this.#done?.();
  }
}
