// The keys: one table, which the help overlay shows as well.

const typed = (target) =>
  target.closest?.('textarea, select, [contenteditable]') ||
  (target.matches?.('input') && !['checkbox', 'radio', 'button'].includes(target.type));

/**
 * Lets keys run commands: {keys: ['j', 'ArrowRight'], does: 'Next photo', where: 'deck' | 'photo' |
 * 'everywhere', run}. A `run` that gives back false leaves the key to the browser. In a text field
 * keys are text, and under an open dialog only the commands count that open and close it (`sheet`:
 * its id). Arrow keys with Shift are keys of their own: 'Shift+ArrowLeft'.
 */
export function bindKeys(commands, isWhere) {
  document.addEventListener('keydown', (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.isComposing || typed(event.target)) return;
    const dialog = document.querySelector('dialog[open]');
    // Of other keys Shift has made another one already: "A".
    const key = event.shiftKey && event.key.startsWith('Arrow') ? `Shift+${event.key}` : event.key;
    const command = commands.find(
      ({ keys, where, sheet }) =>
        keys.includes(key) &&
        (dialog ? sheet === dialog.id : where === 'everywhere' || isWhere(where)),
    );
    if (command && command.run(event) !== false) event.preventDefault();
  });
}

const NAMES = {
  ArrowRight: '→',
  ArrowLeft: '←',
  ArrowUp: '↑',
  ArrowDown: '↓',
  Escape: 'Esc',
  ' ': 'Space',
};

/** A key as the help overlay prints it. */
export const keyName = (key) =>
  key.startsWith('Shift+') ? `Shift ${keyName(key.slice(6))}` : (NAMES[key] ?? key);
