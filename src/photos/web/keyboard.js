// The keys: one table, which the help overlay shows as well.

const typed = (target) =>
  target.closest?.('textarea, select, [contenteditable]') ||
  (target.matches?.('input') && !['checkbox', 'radio', 'button'].includes(target.type));

/**
 * Lets keys run commands: {keys: ['j', 'ArrowRight'], does: 'Next photo', where: 'deck' | 'photo' |
 * 'everywhere', run}. A `run` that gives back false leaves the key to the browser. In a text field
 * keys are text, and under an open dialog only the commands count that open and close it (`sheet`:
 * its id).
 */
export function bindKeys(commands, isWhere) {
  document.addEventListener('keydown', (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.isComposing || typed(event.target)) return;
    const dialog = document.querySelector('dialog[open]');
    const command = commands.find(
      ({ keys, where, sheet }) =>
        keys.includes(event.key) &&
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
export const keyName = (key) => NAMES[key] ?? key;
