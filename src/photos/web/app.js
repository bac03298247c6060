// The page: puts its parts together and goes where its address says.
import { api } from './api.js';
import { Boxes } from './boxes.js';
import { makeCommands } from './commands.js';
import { Composer } from './composer.js';
import { bindDeckFrame, bindSearch } from './deck.js';
import { setAttribute, setText } from './dom.js';
import { listen } from './events.js';
import { Filters } from './filters.js';
import { Grid } from './grid.js';
import { fillHelp } from './help.js';
import { Inspector } from './inspector.js';
import { bindKeys } from './keyboard.js';
import { PhotoDetails } from './photo_details.js';
import { PhotoList } from './photo_list.js';
import { PhotoView } from './photo_view.js';
import { Progress } from './progress.js';
import { Review } from './review.js';
import { bindLinks, go, parse } from './router.js';
import { announce, complain, say } from './say.js';
import { bindSheets, toggleSheet } from './sheet.js';
import { Tags } from './tags.js';
import { Walk } from './walk.js';

const element = (id) => document.getElementById(id);
const photoSection = element('photo');
/** When to stop waiting for the first thumbnail, before what can wait is fetched. */
const LATEST_MS = 1000;

const list = new PhotoList();
const details = new PhotoDetails();
const facets = { people: [], places: [], months: [], values: [] };
let place = parse(location.hash);

// The deck comes before anything else: it is what one waits for.
const grid = new Grid(document.querySelector('.scroller'), list);
const filters = new Filters(element('filters'), document.querySelector('.active-filters'));
filters.show(place.filters);
list.addEventListener('error', (event) => complain(event.detail));
list.show(place.filters);
bindDeckFrame(element('deck'), list, filters);
const deckSeen = new Promise((seen) => {
  document.querySelector('.scroller').addEventListener('load', seen, { capture: true, once: true });
  setTimeout(seen, LATEST_MS); // a deck without pictures
});

const library = await api.library().catch((error) => {
  complain(error);
  return { name: 'Photos', photos: 0, tiers: [], fields: [] };
});
setText(document.querySelector('.library-name'), library.name);
document.title = `${library.name} – Saccade`;

const tags = new Tags(photoSection.querySelector('.tags'), library.tiers);
const composer = new Composer(photoSection.querySelector('.composer'));
const boxes = new Boxes(photoSection.querySelector('.boxes'));
const progress = new Progress(element('progress'), element('open-progress'));
const view = new PhotoView(photoSection, {
  tags,
  boxes,
  library,
  onRetry: (tier) =>
    api.retryTier(place.photo, tier).then(() => say('It will be tried again'), complain),
  onRun: (tier) =>
    api.runTier(place.photo, tier).then(() => say('It will run on this photo'), complain),
});
const walk = new Walk(list, grid, () => place);
const review = new Review({
  details,
  list,
  tags,
  composer,
  library,
  facets,
  shown: () => place.photo,
  onReviewed: (id) => {
    if (place.photo === id) walk.step(1, { quiet: true });
  },
  onUndone: (id) => {
    changed(id);
    if (place.photo !== null) walk.show(id);
  },
});
new Inspector(photoSection.querySelector('.inspector'), tags, {
  accept: () => review.accept(),
  edit: () => review.edit(),
  reject: () => review.reject(),
  select: () => tags.toggleSelected(),
  merge: () => review.merge(),
});

/** Goes where the address says. */
function arrive(first = false) {
  const before = place;
  place = parse(location.hash);
  filters.show(place.filters);
  if (document.activeElement !== element('search')) {
    element('search').value = place.filters.q ?? '';
  }
  if (!first && JSON.stringify(before.filters) !== JSON.stringify(place.filters)) {
    list.show(place.filters);
    grid.restart();
  }
  if (place.photo === null) {
    leavePhoto(before.photo !== null);
  } else if (first || before.photo !== place.photo) {
    enterPhoto(place.photo);
  }
  walk.follow();
  view.position(walk.position);
}

function enterPhoto(id) {
  composer.close();
  element('deck').inert = true;
  element('deck').classList.add('covered');
  view.open(id, list.at(list.indexOf(id)));
  const known = details.get(id);
  if (known) view.update(known, place.filters);
  details.load(id);
  // Opening raises the photo's priority; a failure of that is no failure of showing it.
  api.open(id).catch(() => {});
  announce(
    `${list.at(list.indexOf(id))?.name ?? 'Photo'}${walk.position ? `, ${walk.position}` : ''}`,
  );
}

function leavePhoto(wasOpen) {
  composer.close();
  view.close();
  element('deck').inert = false;
  element('deck').classList.remove('covered');
  if (wasOpen) grid.focus(grid.current);
}

/** A photo changed, here or elsewhere. */
function changed(id) {
  list.touch(id);
  details.touch(id, id === place.photo);
}

/** Has what comes after the open photo loaded, so that it is there when one goes on. */
function prepareNext() {
  const { next } = walk;
  if (next && !details.get(next.id)) details.load(next.id);
}

function toggleBoxes() {
  const on = boxes.toggle();
  setAttribute(element('toggle-boxes'), 'aria-pressed', on ? 'true' : 'false');
}

/** A photo that was deleted meanwhile is left; other failures are told. */
function failed({ id, error }) {
  if (id !== place.photo) return;
  complain(error);
  if (error.status === 404) go({ filters: place.filters }, { replace: true });
}

async function fetchFacets() {
  try {
    Object.assign(facets, await api.facets());
    filters.offer(facets);
  } catch (error) {
    complain(error);
  }
}

list.addEventListener('change', () => {
  walk.follow();
  if (place.photo !== null) view.position(walk.position);
});
details.addEventListener('error', (event) => failed(event.detail));
details.addEventListener('change', (event) => {
  const photo = event.detail;
  if (photo.id === place.photo) {
    view.update(photo, place.filters);
    prepareNext();
  } else if (photo.id === walk.next?.id && photo.picture) {
    new Image().src = photo.picture; // into the browser's cache
  }
});
boxes.addEventListener('name', (event) => review.name(event.detail));
filters.addEventListener('filter', (event) => go({ filters: event.detail }));
element('filters').addEventListener('opened', fetchFacets);
window.addEventListener('hashchange', () => arrive());

bindLinks();
bindSheets();
bindSearch(
  element('search'),
  (q) =>
    go(
      { filters: { ...place.filters, q } },
      { replace: Boolean(place.filters.q) && place.photo === null },
    ),
  () =>
    place.photo === null ? grid.focus(grid.current) : photoSection.querySelector('.stage').focus(),
);
const commands = makeCommands({
  grid,
  review,
  tags,
  boxes: toggleBoxes,
  zoom: view.zoom,
  view: { step: (by) => walk.step(by), back: () => go({ filters: place.filters }) },
  deck: {
    step: (by) => walk.fromCurrent(by),
    open: (event) => walk.open(event),
    clear: () => filters.clear(),
    search: () => {
      element('search').focus();
      element('search').select();
    },
  },
});
fillHelp(element('help'), commands);
bindKeys(commands, (where) => (where === 'photo') === (place.photo !== null));
for (const [id, run] of [
  ['open-filters', () => toggleSheet('filters')],
  ['open-progress', () => toggleSheet('progress')],
  ['open-help', () => toggleSheet('help')],
  ['toggle-boxes', toggleBoxes],
  ['next-theme', () => say(`Colours: ${window.nextTheme()}`)],
  ['back', () => go({ filters: place.filters })],
  ['undo', () => review.undo()],
  ['redo', () => review.redo()],
  ['accept-all', () => review.acceptAll()],
  ['add-tag', () => review.add()],
])
  element(id).addEventListener('click', run);
for (const [name, run] of [
  ['.previous', () => walk.step(-1)],
  ['.next', () => walk.step(1)],
  ['.reviewed-button', () => review.review()],
])
  photoSection.querySelector(name).addEventListener('click', run);

let toldProgress = 0;
/** What is told while the answer is on its way is newer than the answer. */
async function fetchProgress() {
  const told = toldProgress;
  const state = await api.progress();
  if (told === toldProgress) progress.show(state);
}

arrive(true);
let lost = false;
listen({
  photo: ({ id }) => changed(id),
  action: ({ photo }) => changed(photo),
  photos: () => list.refresh(),
  progress: (state) => {
    toldProgress++;
    progress.show(state);
  },
  connected: (now) => {
    element('offline').hidden = now;
    // What happened until now was not told, after the first answers came either. (Progress is of the
    // whole library, which takes a while where it is large: after the deck is seen.)
    if (now || !lost) deckSeen.then(fetchProgress).catch(complain);
    if (now) {
      list.refresh();
      if (place.photo !== null) details.touch(place.photo, true);
    }
    lost = !now;
  },
});
deckSeen.then(fetchFacets); // of the whole library, too
document.documentElement.dataset.ready = 'yes';
