// One photo: large, with its boxes, and beside it all that is known of it.
import { fillAbout } from './about.js';
import { setAttribute, setText } from './dom.js';
import { announceLater } from './say.js';
import { fillSimilar } from './similar.js';
import { fillTiers } from './tier_states.js';
import * as words from './words.js';
import { Zoom } from './zoom.js';

export class PhotoView {
  zoom;
  /** The id of the photo that is shown; null: none. */
  shown = null;
  #section;
  #stage;
  #image;
  #parts; // {tags, boxes, library, onRetry, onRun}
  #size = null; // [width, height] of the picture, pixels
  #known = null; // ids of the tags that were shown

  constructor(section, parts) {
    this.#section = section;
    this.#parts = parts;
    this.#stage = section.querySelector('.stage');
    this.zoom = new Zoom(
      this.#stage,
      section.querySelector('.frame'),
      section.querySelector('.zoom'),
    );
    this.#image = section.querySelector('.large');
    new ResizeObserver(() => this.#fit()).observe(this.#stage);
    // A picture that cannot be shown leaves the thumbnail behind it.
    this.#image.addEventListener('error', () => {
      this.#image.hidden = true;
    });
    this.#image.addEventListener('load', () => {
      this.#image.hidden = false;
    });
  }

  /** Opens a photo with what the deck knows of it (`entry`, may be undefined). */
  open(id, entry) {
    this.#section.hidden = false;
    if (this.shown === id) return;
    this.shown = id;
    this.#known = null;
    this.zoom.start();
    this.#parts.tags.clear();
    this.#parts.boxes.show([]);
    this.#section.classList.add('loading');
    this.#image.hidden = true;
    this.#image.removeAttribute('src');
    this.#section.querySelector('.similar').hidden = true;
    this.#section.querySelector('.panel').scrollTop = 0;
    this.#show({
      name: entry?.name ?? '',
      width: entry?.width,
      height: entry?.height,
      reviewed: entry?.reviewed ?? false,
      thumbnail: entry?.thumbnail,
    });
    this.#stage.focus({ preventScroll: true });
  }

  close() {
    this.#section.hidden = true;
    this.shown = null;
  }

  /** Shows a photo's details, when they came and whenever they changed. */
  update(photo, filters) {
    const { tags, boxes, library, onRetry, onRun } = this.#parts;
    const { width, height } = photo.metadata;
    this.#section.classList.remove('loading');
    this.#show({ name: photo.name, width, height, reviewed: photo.reviewed });
    if (photo.picture) setAttribute(this.#image, 'src', photo.picture);
    setAttribute(this.#image, 'alt', describe(photo));
    tags.show(photo);
    boxes.show(photo.regions);
    fillTiers(this.#section.querySelector('.tiers'), photo, library, { onRetry, onRun });
    this.#cluster(photo, filters);
    fillAbout(this.#section.querySelector('.about dl'), photo);
    this.#section.querySelector('.nothing').hidden = photo.tags.length > 0;
    // An answer without similar photos, and one that failed, leave the row hidden.
    fillSimilar(this.#section.querySelector('.similar'), photo, filters).catch(() => {});
    this.#tellNew(photo);
  }

  /** Says where in the deck the photo is: "12 of 50,000". */
  position(text) {
    setText(this.#section.querySelector('.position'), text);
  }

  #show({ name, width, height, reviewed, thumbnail }) {
    setText(this.#section.querySelector('.photo-name'), name);
    setAttribute(this.#stage, 'aria-label', name);
    const button = this.#section.querySelector('.reviewed-button');
    setAttribute(button, 'aria-pressed', reviewed ? 'true' : 'false');
    setText(button.lastElementChild, reviewed ? 'Reviewed' : 'Mark as reviewed');
    if (thumbnail !== undefined) {
      const behind = this.#section.querySelector('.small');
      setAttribute(behind, 'src', thumbnail);
      behind.hidden = !thumbnail;
    }
    this.#size = width && height ? [width, height] : null;
    this.#fit();
  }

  /** Makes the photo as large as the stage lets it be; a zoomed one is larger. */
  #fit() {
    const room = this.#stage.getBoundingClientRect();
    const [width, height] = this.#size ?? [4, 3];
    const scale = Math.min(room.width / width, room.height / height);
    this.zoom.layOut(width * scale, height * scale);
  }

  #cluster(photo, filters) {
    const line = this.#section.querySelector('.cluster');
    line.hidden = !photo.cluster;
    if (!photo.cluster) return;
    const link = line.querySelector('a');
    const search = new URLSearchParams({ ...filters, cluster: photo.cluster.id });
    link.href = `#/?${search}`;
    setText(link, `One of ${photo.cluster.size} photos alike`);
    setText(
      line.querySelector('span'),
      photo.cluster.representative === photo.id ? 'It stands for the others.' : '',
    );
  }

  /** Tells screen readers of tags that came while the photo was looked at. */
  #tellNew(photo) {
    const ids = new Set(photo.tags.map((tag) => tag.id));
    if (this.#known) {
      const fresh = photo.tags.filter(
        (tag) => tag.state === 'proposed' && !this.#known.has(tag.id),
      );
      if (fresh.length > 0) announceLater(words.count(fresh.length, 'new tag'));
    }
    this.#known = ids;
  }
}

/** What the picture shows, as far as its tags say. */
function describe(photo) {
  const values = photo.tags.filter((tag) => tag.state !== 'rejected').map((tag) => tag.value);
  return values.length > 0 ? `${photo.name}: ${values.slice(0, 12).join(', ')}` : photo.name;
}
