// What a person decides about the open photo, and taking it back.
import { api } from './api.js';
import { complain, say } from './say.js';
import * as words from './words.js';

export class Review {
  #parts; // {details, list, tags, composer, library, facets, onUndone, onReviewed}
  #last = Promise.resolve(); // what is typed quickly is done in its order

  constructor(parts) {
    this.#parts = parts;
  }

  accept() {
    this.#decide('accept', 'Accepted');
  }

  reject() {
    this.#decide('reject', 'Rejected');
  }

  acceptAll() {
    const { tags } = this.#parts;
    const { proposed } = tags;
    if (proposed.length === 0) return;
    this.#act(
      { action: 'accept', tags: proposed.map((tag) => tag.id) },
      `Accepted ${words.count(proposed.length, 'tag')}`,
    );
  }

  edit() {
    const { tags, composer } = this.#parts;
    const tag = this.#current();
    if (!tag) return;
    composer.ask({
      title: `Edit ${words.title(tag.field).toLowerCase()}`,
      value: tag.value,
      suggestions: this.#values(tag.field),
      submit: (value) => {
        if (value !== tag.value)
          this.#act({ action: 'edit', tags: [tag.id], value }, `Edited: ${value}`);
      },
      done: () => tags.focus(tag.id),
    });
  }

  merge() {
    const { tags, composer } = this.#parts;
    const { chosen } = tags;
    if (chosen.length < 2) {
      say('Select two or more tags first, with Space');
      return;
    }
    composer.ask({
      title: `Merge ${words.count(chosen.length, 'tag')} into`,
      value: chosen[0].value,
      suggestions: chosen.map((tag) => tag.value),
      submit: (value) => {
        tags.clearSelection();
        this.#act(
          { action: 'merge', tags: chosen.map((tag) => tag.id), value },
          `Merged: ${value}`,
        );
      },
      done: () => tags.focus(chosen[0].id),
    });
  }

  add() {
    const { tags, composer } = this.#parts;
    const before = document.activeElement;
    composer.ask({
      title: 'Add a tag',
      fields: this.#fields(),
      suggestions: this.#values(),
      submit: (value, field) => this.#act({ action: 'add', field, value }, `Added: ${value}`),
      done: () => (tags.current ? tags.focus(tags.current.id) : before?.focus()),
    });
  }

  /** Names the person of a face; without a value, forgets the name. */
  name(region) {
    const { composer, facets } = this.#parts;
    const before = document.activeElement;
    composer.ask({
      title: 'Who is this?',
      value: region.person?.name ?? '',
      suggestions: facets.people.map((person) => person.name),
      empty: true,
      submit: (value) =>
        this.#act(
          { action: 'name', region: region.id, value },
          value ? `Named: ${value}` : 'The name is forgotten',
        ),
      done: () => before?.focus(),
    });
  }

  /** Marks the photo as reviewed and goes on; of a reviewed one, takes the mark away. */
  async review() {
    const photo = this.#photo();
    if (!photo) return;
    if (photo.reviewed) {
      await this.#act({ action: 'unreview' }, 'No longer marked as reviewed');
    } else if (await this.#act({ action: 'review' }, 'Reviewed')) {
      this.#parts.onReviewed(photo.id);
    }
  }

  undo() {
    this.#takeBack(api.undo, 'Undone');
  }

  redo() {
    this.#takeBack(api.redo, 'Redone');
  }

  #photo() {
    return this.#parts.details.get(this.#parts.shown());
  }

  /** The tag to work on. Where none is in focus, the focus goes to the first that waits for it. */
  #current() {
    const { tags } = this.#parts;
    if (!tags.current) tags.focusNextProposed();
    return tags.current;
  }

  #decide(action, done) {
    const { tags } = this.#parts;
    if (!tags.current) {
      tags.focusNextProposed();
      return;
    }
    const { chosen } = tags;
    const ids = chosen.map((tag) => tag.id);
    tags.clearSelection();
    this.#act(
      { action, tags: ids },
      chosen.length === 1
        ? `${done}: ${chosen[0].value}`
        : `${done} ${words.count(chosen.length, 'tag')}`,
    );
    if (chosen.some((tag) => tag.id === tags.current?.id)) tags.focusNextProposed(ids);
  }

  /** Fields that tags have; of a library without tags, one to begin with. */
  #fields() {
    const { library, facets } = this.#parts;
    const known = new Set([
      ...library.fields,
      ...facets.values.map((entry) => entry.field),
      ...(this.#photo()?.tags ?? []).map((tag) => tag.field),
    ]);
    return known.size > 0 ? [...known] : ['entities'];
  }

  #values(field) {
    return this.#parts.facets.values
      .filter((entry) => !field || entry.field === field)
      .map((entry) => entry.value);
  }

  /** Does something to the open photo; true when it was done. */
  #act(action, message) {
    const photo = this.#parts.shown();
    return this.#queue(async () => {
      const answer = await api.act({ photo, ...action });
      this.#took(answer.photo);
      say(message, { name: 'Undo', run: () => this.undo() });
    });
  }

  #takeBack(request, word) {
    return this.#queue(async () => {
      try {
        const { photo, what } = await request();
        this.#parts.onUndone(photo);
        say(`${word}: ${what}`);
      } catch (error) {
        if (error.status !== 409) throw error;
        say(error.message);
      }
    });
  }

  #took(photo) {
    this.#parts.details.put(photo);
    this.#parts.list.update(photo);
  }

  #queue(work) {
    this.#last = this.#last.then(work).then(
      () => true,
      (error) => {
        complain(error);
        return false;
      },
    );
    return this.#last;
  }
}
