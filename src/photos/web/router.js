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

/** Goes somewhere; `replace`: without a step that "back" would go to. */
export function go(place, { replace = false } = {}) {
  const hash = address(place);
  if (hash === location.hash) return;
  if (replace) {
    history.replaceState(null, '', hash);
    window.dispatchEvent(new HashChangeEvent('hashchange'));
  } else {
    location.hash = hash;
  }
}
