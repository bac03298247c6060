// What the page tells by itself: short messages that go away, and the same for screen readers.
import { h } from './dom.js';

const SHOWN_MS = 5000;
/** What comes by itself is said together, no oftener than this, so that it does not chatter. */
const QUIET_MS = 4000;

const toasts = document.getElementById('toasts');
const polite = document.getElementById('said');
const urgent = document.getElementById('said-urgently');

let quiet = 0;
let held = null;

/** Tells screen readers alone what someone did: always at once. */
export function announce(text) {
  polite.textContent = text;
}

/** Tells screen readers what came by itself; of what comes quickly only the last is said. */
export function announceLater(text) {
  held = text;
  quiet ||= setTimeout(() => {
    quiet = 0;
    announce(held);
  }, QUIET_MS);
}

function toast(text, kind, action) {
  const element = h(
    'div',
    { class: `toast ${kind}` },
    h('span', {}, text),
    action ? h('button', { type: 'button', on: { click: action.run } }, action.name) : null,
  );
  toasts.append(element);
  while (toasts.children.length > 3) toasts.firstElementChild.remove();
  setTimeout(() => element.remove(), SHOWN_MS);
}

/** Says what was done; `action` ({name, run}) is offered beside it. */
export function say(text, action = null) {
  toast(text, 'info', action);
  announce(text);
}

/** Says what went wrong. */
export function complain(error) {
  toast(error.message, 'error', null);
  urgent.textContent = error.message;
}
