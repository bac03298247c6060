// The overlay with all keys.
import { h } from './dom.js';
import { keyName } from './keyboard.js';

const PLACES = [
  ['deck', 'In the deck'],
  ['photo', 'On a photo'],
  ['everywhere', 'Everywhere'],
];

/** Fills the dialog from the table that the keys work by. */
export function fillHelp(dialog, commands) {
  const list = dialog.querySelector('.keys');
  for (const [where, name] of PLACES) {
    const rows = commands
      .filter((command) => command.where === where && command.does)
      .map(({ keys, does }) =>
        h(
          'div',
          {},
          h(
            'dt',
            {},
            keys.map((key) => h('kbd', {}, keyName(key))),
          ),
          h('dd', {}, does),
        ),
      );
    list.append(h('section', {}, h('h3', {}, name), h('dl', {}, rows)));
  }
}
