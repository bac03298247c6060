// How far the tiers are with a photo, with retry where one failed.
import { h, reconcile, setAttribute, setText } from './dom.js';
import * as words from './words.js';

const RETRIED = ['failed', 'set_aside'];

/** `onRetry(tier)`, `onRun(tier)`: for a tier that failed, and one that a burst answered for. */
export function fillTiers(element, photo, library, { onRetry, onRun }) {
  const title = (name) => library.tiers.find((tier) => tier.name === name)?.title ?? name;
  reconcile(element, photo.tiers, {
    key: (tier) => tier.name,
    make: (tier) =>
      h(
        'li',
        {},
        h('span', { class: 'dot' }),
        h('span', { class: 'name' }),
        h('span', { class: 'state' }),
        h('button', { type: 'button', class: 'again' }),
        h('p', { class: 'why' }),
      ),
    update: (row, tier) => {
      const [, name, state, again, why] = row.children;
      setAttribute(row, 'data-state', tier.state);
      setText(name, title(tier.name));
      setText(state, stateText(tier));
      again.hidden = !RETRIED.includes(tier.state) && tier.state !== 'shared' && !tier.outdated;
      setText(again, tier.state === 'shared' ? 'Run on this photo' : 'Try again');
      setAttribute(again, 'aria-label', `${again.textContent}: ${title(tier.name)}`);
      again.onclick = () => (tier.state === 'shared' ? onRun : onRetry)(tier.name);
      why.hidden = !tier.error;
      setText(why, tier.error ?? '');
    },
  });
}

function stateText(tier) {
  const state = words.TIER_STATES[tier.state] ?? tier.state;
  if (tier.state === 'done' && tier.outdated) return 'done by an older prompt or schema';
  if (tier.state === 'done' && tier.duration_ms != null) return words.duration(tier.duration_ms);
  if (tier.state === 'failed' && tier.next_try) {
    return `${state} ${words.dateAndTime(tier.next_try)}`;
  }
  return state;
}
