// What keys do. The help overlay lists it by this table.
import { toggleSheet } from './sheet.js';

/** Steps to the right and down. */
const WAYS = {
  'Shift+ArrowLeft': [-1, 0],
  'Shift+ArrowRight': [1, 0],
  'Shift+ArrowUp': [0, -1],
  'Shift+ArrowDown': [0, 1],
};

/** The table for bindKeys(). */
export function makeCommands({ grid, view, review, tags, deck, boxes, zoom }) {
  const at = (where, keys, does, run, more = {}) => ({ where, keys, does, run, ...more });
  const select = (event) => {
    if (!event.target.matches('.tag')) return false; // a button that Space presses
    tags.toggleSelected();
    return true;
  };
  return [
    at('deck', ['j', 'ArrowRight'], 'Next photo', () => grid.focus(deck.step(1))),
    at('deck', ['k', 'ArrowLeft'], 'Previous photo', () => grid.focus(deck.step(-1))),
    at('deck', ['ArrowDown'], 'A row down', () => grid.focus(deck.step(grid.columns))),
    at('deck', ['ArrowUp'], 'A row up', () => grid.focus(deck.step(-grid.columns))),
    at('deck', ['Home'], 'First photo', () => grid.focus(0)),
    at('deck', ['End'], 'Last photo', () => grid.focus(Infinity)),
    // On a photo that is in focus the browser opens it, being a link.
    at('deck', ['Enter'], 'Open the photo', (event) => deck.open(event)),
    at('deck', ['Escape'], 'Clear search and filters', () => deck.clear()),

    at('photo', ['j', 'ArrowRight'], 'Next photo', () => view.step(1)),
    at('photo', ['k', 'ArrowLeft'], 'Previous photo', () => view.step(-1)),
    at('photo', ['ArrowDown'], 'Next tag', () => tags.step(1)),
    at('photo', ['ArrowUp'], 'Previous tag', () => tags.step(-1)),
    at('photo', ['a'], 'Accept the tag', () => review.accept()),
    at('photo', ['A'], 'Accept all proposed tags', () => review.acceptAll()),
    at('photo', ['e'], 'Edit the tag', () => review.edit()),
    at('photo', ['x'], 'Reject the tag', () => review.reject()),
    at('photo', [' '], 'Select the tag', select),
    at('photo', ['m'], 'Merge the selected tags', () => review.merge()),
    at('photo', ['n'], 'Add a tag', () => review.add()),
    at('photo', ['r'], 'Reviewed, and on to the next', () => review.review()),
    at('photo', ['+', '='], 'Zoom in', () => zoom.in()),
    at('photo', ['-'], 'Zoom out', () => zoom.out()),
    at('photo', ['0'], 'All of the photo', () => zoom.reset()),
    at('photo', Object.keys(WAYS), 'Move what is seen', (event) =>
      zoom.pan(...WAYS[`Shift+${event.key}`]),
    ),
    at('photo', ['b'], 'Show or hide boxes', () => boxes()),
    at('photo', ['Escape'], 'Back to the deck', () => view.back()),

    at('everywhere', ['u'], 'Undo', () => review.undo()),
    at('everywhere', ['U'], 'Redo', () => review.redo()),
    at('everywhere', ['/'], 'Search', () => deck.search()),
    at('everywhere', ['f'], 'Filters', () => toggleSheet('filters'), { sheet: 'filters' }),
    at('everywhere', ['g'], 'Progress and errors', () => toggleSheet('progress'), {
      sheet: 'progress',
    }),
    at('everywhere', ['?'], 'This help', () => toggleSheet('help'), { sheet: 'help' }),
  ];
}
