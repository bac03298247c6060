// A library of any size that exists in memory alone: for what a test wants to have happen on the page
// at a known moment, and for figures with 50,000 photos. Its methods answer as the API does.

/** The tiers of every made library. */
export const TIERS = [
  { name: 'import', title: 'Import', kind: 'import', model: '' },
  { name: 'vision', title: 'Vision', kind: 'vision', model: 'opencv 4.6.0' },
  { name: 'small', title: 'Small model', kind: 'vlm', model: 'glance' },
  { name: 'large', title: 'Large model', kind: 'vlm', model: 'glance' },
];
const WORDS = ['beach', 'dog', 'table', 'bread', 'giraffe', 'red car', 'night', 'circle'];

/** One line and a status, which the page shows. */
export class Refusal extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export class MadeLibrary {
  photos = new Map(); // id → all that GET /api/photos/ID answers
  lastList = {}; // the query of the last list
  requests = []; // "POST /api/photos/3/open", what a test looks at
  #listeners = new Set();
  #done = []; // actions: {photo, what, before, after}
  #undone = [];
  #nextTag = 1;

  constructor(count) {
    for (let id = 1; id <= count; id++) this.photos.set(id, this.#make(id));
  }

  /** A photo comes, as far as the import has it. */
  add() {
    const id = this.photos.size + 1;
    const photo = this.#make(id);
    photo.tags = [];
    photo.tiers.forEach((tier) => {
      tier.state = tier.name === 'import' ? 'done' : 'waiting';
    });
    this.photos.set(id, photo);
    this.tell('photos', { added: 1 });
    this.tell('progress', this.progress());
    return id;
  }

  /** A tier finishes with a photo: [field, value] pairs become tags. */
  finish(id, tier, values) {
    const photo = this.photos.get(id);
    for (const [field, value] of values) photo.tags.push(this.#tag(field, value, tier));
    Object.assign(
      photo.tiers.find(({ name }) => name === tier),
      { state: 'done', duration_ms: 840 },
    );
    this.changed(id);
  }

  /** A tier fails with a photo. */
  fail(id, tier, error) {
    Object.assign(
      this.photos.get(id).tiers.find(({ name }) => name === tier),
      { state: 'set_aside', error, attempts: 5 },
    );
    this.changed(id);
    this.tell('progress', this.progress());
  }

  changed(id) {
    this.tell('photo', { id, revision: 1 });
  }

  tell(event, data) {
    for (const listener of this.#listeners) {
      listener.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
    }
  }

  /** Ends all event streams, as a program that is started anew does. */
  disconnect() {
    for (const listener of this.#listeners) listener.end();
  }

  listen(response) {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('retry: 200\n\n');
    this.#listeners.add(response);
    response.on('close', () => this.#listeners.delete(response));
  }

  #tag(field, value, tier, state = 'proposed') {
    return {
      id: this.#nextTag++,
      field,
      value,
      details: null,
      confidence: 0.83,
      state,
      source: {
        tier,
        model: 'glance',
        prompt: '1',
        at: '2026-05-01T10:00:00Z',
        from_photo: null,
        original: null,
      },
    };
  }

  #make(id) {
    const burst = id % 9 < 3 ? { id: Math.ceil(id / 9) + 1, size: 3, representative: id } : null;
    return {
      id,
      name: `IMG_${String(id).padStart(5, '0')}.jpg`,
      digest: `${id}`,
      files: [{ path: `/photos/IMG_${id}.jpg`, missing: false }],
      metadata: {
        format: 'jpeg',
        width: 4000,
        height: 3000,
        bytes: 3200000,
        taken: new Date(Date.UTC(2024, 0, 1) + id * 7200000).toISOString(),
        taken_warning: null,
        camera: 'Made camera',
        lens: null,
        latitude: 48.2,
        longitude: 16.37,
        altitude_m: 171,
        sharpness: 2.4,
        brightness: 0.5,
        colours: [{ name: 'blue', hex: '#3366aa', share: 0.4 }],
      },
      picture: `/pictures/${id}.jpg`,
      thumbnail: `/thumbnails/${id}-x.jpg`,
      regions: [
        {
          id: id * 10,
          kind: 'face',
          box: [0.4, 0.2, 0.15, 0.2],
          text: '',
          confidence: 0.9,
          person: null,
          state: 'proposed',
        },
      ],
      tags: [
        this.#tag('entities', WORDS[id % WORDS.length], 'small'),
        this.#tag('entities', WORDS[(id + 3) % WORDS.length], 'small'),
        this.#tag('context', 'outdoors', 'small'),
      ],
      tiers: TIERS.map(({ name }) => ({
        name,
        state: 'done',
        attempts: 1,
        error: null,
        at: '2026-05-01T10:00:00Z',
        duration_ms: 420,
        next_try: null,
      })),
      reviewed: id % 5 === 0,
      cluster: burst,
      notes: [],
    };
  }

  /** A photo as lists have it. */
  #entry(photo) {
    return {
      id: photo.id,
      name: photo.name,
      taken: photo.metadata.taken,
      width: 4000,
      height: 3000,
      thumbnail: photo.thumbnail,
      reviewed: photo.reviewed,
      cluster: photo.cluster,
      low_confidence: false,
      tags: photo.tags.map((tag) => tag.value),
      tiers: Object.fromEntries(photo.tiers.map((tier) => [tier.name, tier.state])),
    };
  }

  list(query) {
    const wanted = Object.fromEntries(query);
    let photos = [...this.photos.values()];
    if (wanted.q) {
      photos = photos.filter((photo) =>
        photo.tags.some((tag) => tag.state !== 'rejected' && tag.value.includes(wanted.q)),
      );
    }
    if (wanted.value) {
      photos = photos.filter((photo) =>
        photo.tags.some((tag) => tag.field === wanted.field && tag.value === wanted.value),
      );
    }
    if (wanted.person) {
      photos = photos.filter((photo) =>
        photo.regions.some(({ person }) => person?.name === wanted.person),
      );
    }
    if (wanted.reviewed)
      photos = photos.filter((photo) => photo.reviewed === (wanted.reviewed === 'yes'));
    if (wanted.order.startsWith('-')) photos.reverse(); // ids go by time; all found fit as well
    const offset = Number(wanted.offset);
    return {
      total: photos.length,
      offset,
      photos: photos
        .slice(offset, offset + Number(wanted.limit))
        .map((photo) => this.#entry(photo)),
    };
  }

  similar(id) {
    return {
      photos: [...this.photos.values()]
        .filter((photo) => photo.id !== id && photo.id % 8 === id % 8)
        .slice(0, 6)
        .map((photo) => ({ ...this.#entry(photo), distance: 0.1 })),
    };
  }

  facets() {
    return {
      people: [{ id: 1, name: 'Anna', count: 1 }],
      places: [{ name: 'Vienna', count: 12 }],
      months: [{ month: '2024-01', count: 30 }],
      values: WORDS.map((value) => ({ field: 'entities', value, count: 5 })),
    };
  }

  progress() {
    const photos = [...this.photos.values()];
    const tiers = TIERS.map(({ name, title }, index) => {
      const states = {
        blocked: 0,
        waiting: 0,
        running: 0,
        done: 0,
        failed: 0,
        set_aside: 0,
        shared: 0,
      };
      for (const photo of photos) states[photo.tiers[index].state]++;
      return { name, title, ...states, per_minute: 42, eta_seconds: 12, p50_ms: 420, p95_ms: 900 };
    });
    return { tiers, photos: photos.length, errors: this.errors().errors.length, troubles: {} };
  }

  errors() {
    return {
      errors: [...this.photos.values()].flatMap((photo) =>
        photo.tiers
          .filter(({ state }) => state === 'set_aside' || state === 'failed')
          .map((tier) => ({
            photo: photo.id,
            path: photo.files[0].path,
            name: photo.name,
            tier: tier.name,
            state: tier.state,
            error: tier.error,
            attempts: tier.attempts,
            next_try: null,
          })),
      ),
    };
  }

  retry(id, tier) {
    Object.assign(
      this.photo(id).tiers.find(({ name }) => name === tier),
      { state: 'waiting', error: null },
    );
    this.changed(id);
    this.tell('progress', this.progress());
  }

  photo(id) {
    const photo = this.photos.get(id);
    if (!photo) throw new Refusal(404, `there is no photo ${id}`);
    return photo;
  }

  act(action) {
    const photo = this.photo(action.photo);
    const before = structuredClone(photo);
    this.#apply(photo, action);
    const what = `${action.action} of ${action.tags?.length ?? 1}`;
    this.#done.push({ photo: photo.id, what, before, after: structuredClone(photo) });
    this.#undone = [];
    this.tell('action', { id: this.#done.length, photo: photo.id });
    return { id: this.#done.length, photo };
  }

  #apply(photo, { action, tags = [], field, value, region }) {
    const chosen = photo.tags.filter((tag) => tags.includes(tag.id));
    if (chosen.length !== tags.length) throw new Refusal(404, 'there is no such tag');
    if (action === 'accept' || action === 'reject') {
      for (const tag of chosen) tag.state = `${action}ed`;
    } else if (action === 'edit') {
      chosen[0].source.original = chosen[0].value;
      Object.assign(chosen[0], { value, state: 'edited' });
    } else if (action === 'merge') {
      photo.tags = photo.tags.filter((tag) => !tags.slice(1).includes(tag.id));
      Object.assign(chosen[0], { value, state: 'edited' });
    } else if (action === 'add') {
      photo.tags.push(this.#tag(field, value, 'user', 'added'));
    } else if (action === 'review' || action === 'unreview') {
      photo.reviewed = action === 'review';
    } else if (action === 'name') {
      photo.regions.find(({ id }) => id === region).person = value ? { id: 1, name: value } : null;
    }
  }

  takeBack(from, to, part) {
    const step = from.pop();
    if (!step) throw new Refusal(409, 'there is nothing left to take back');
    to.push(step);
    this.photos.set(step.photo, structuredClone(step[part]));
    this.tell('action', { id: 0, photo: step.photo });
    return { id: 0, photo: step.photo, what: step.what };
  }

  undo() {
    return this.takeBack(this.#done, this.#undone, 'before');
  }

  redo() {
    return this.takeBack(this.#undone, this.#done, 'after');
  }
}
