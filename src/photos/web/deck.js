// The deck's frame: how many photos there are, what is said when there are none, the search field.
import { setText } from './dom.js';
import { announceLater } from './say.js';
import * as words from './words.js';

const SEARCH_PAUSE_MS = 200;

/** Keeps the heading and the notice of an empty deck true to the list. */
export function bindDeckFrame(section, list, filters) {
  const [heading, notice] = ['.count', '.empty-deck'].map((name) => section.querySelector(name));
  section.querySelector('.clear-filters').addEventListener('click', () => filters.clear());
  const draw = () => {
    if (!list.known) return;
    const text = words.count(list.total, 'photo');
    if (heading.textContent !== text) announceLater(text);
    setText(heading, text);
    notice.hidden = list.total > 0;
    const filtered = filters.on || Boolean(list.filters.q);
    setText(notice.querySelector('h2'), filtered ? 'No photo is like this' : 'No photos yet');
    setText(
      notice.querySelector('p'),
      filtered
        ? 'Take a filter away, or search for something else.'
        : 'Add some with “saccade photos add LIBRARY PATH…”; they appear here at once.',
    );
    notice.querySelector('button').hidden = !filtered;
  };
  list.addEventListener('change', draw);
  draw(); // the first answer may have been there before
}

/**
 * The search field: searches while one types, after a short pause. Enter and Escape leave it
 * (`leave()`), Escape without searching.
 */
export function bindSearch(input, search, leave) {
  let timer = 0;
  const now = () => {
    clearTimeout(timer);
    search(input.value.trim());
  };
  input.addEventListener('input', () => {
    clearTimeout(timer);
    timer = setTimeout(now, SEARCH_PAUSE_MS);
  });
  input.addEventListener('keydown', (event) => {
    if (event.key === 'Enter') now();
    if (event.key === 'Escape') clearTimeout(timer);
    if (event.key !== 'Enter' && event.key !== 'Escape') return;
    event.preventDefault();
    input.blur();
    leave();
  });
}
