// Where in the page one is, kept in its address, so that reloading and going back work:
// `#/?q=dog&reviewed=no` is the deck, `#/photo/12?at=345&q=dog` a photo and its place in the deck.

/** The filters that the API knows, by its names; `order` is there when one chose it. */
export const FILTERS = [
  'q',
  'person',
  'field',
  'value',
  'place',
  'from',
  'to',
  'reviewed',
  'confidence',
  'state',
  'similar',
  'cluster',
  'order',
];

/** {photo: id or null, at: index in the deck or null, filters: {name: value}}. */
export function parse(hash) {
  const [path, search = ''] = hash.replace(/^#\/?/, '').split('?', 2);
  const values = new URLSearchParams(search);
  const filters = {};
  for (const name of FILTERS) if (values.get(name)) filters[name] = values.get(name);
  const photo = /^photo\/(\d+)$/.exec(path);
  return {
    photo: photo ? Number(photo[1]) : null,
    at: photo && /^\d+$/.test(values.get('at') ?? '') ? Number(values.get('at')) : null,
    filters,
  };
}

/** The address of a place. */
export function address({ photo = null, at = null, filters }) {
  const values = new URLSearchParams();
  if (photo !== null && at !== null) values.set('at', at);
  for (const [name, value] of Object.entries(filters)) {
    if (value) values.set(name, value);
  }
  const search = values.toString();
  return `#/${photo === null ? '' : `photo/${photo}`}${search ? `?${search}` : ''}`;
}

/**
 * Goes somewhere; `replace`: without a step that "back" would go to. The page is there when this
 * returns, so that the next key is for what one came to: of a hash that is set the browser tells
 * later.
 */
export function go(place, { replace = false } = {}) {
  const hash = address(place);
  if (hash === location.hash) return;
  history[replace ? 'replaceState' : 'pushState'](null, '', hash);
  window.dispatchEvent(new HashChangeEvent('hashchange'));
}

/** Has links to places in the page go there in the same way. */
export function bindLinks() {
  document.addEventListener('click', (event) => {
    if (event.defaultPrevented || event.button !== 0) return;
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return; // another tab
    const hash = event.target.closest('a')?.getAttribute('href');
    if (!hash?.startsWith('#/')) return;
    event.preventDefault();
    go(parse(hash));
  });
}
