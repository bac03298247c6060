// A row of photos that look alike.
import { api } from './api.js';
import { h } from './dom.js';
import { address } from './router.js';

const SHOWN = 12;

/** Fills the section; it is hidden where there are none. What came for another photo is dropped. */
export async function fillSimilar(section, photo, filters) {
  if (section.dataset.photo === String(photo.id)) return;
  section.dataset.photo = photo.id;
  section.hidden = true;
  const { photos } = await api.similar(photo.id);
  if (section.dataset.photo !== String(photo.id)) return;
  section.hidden = photos.length === 0;
  section.querySelector('a.all').href = address({ filters: { similar: String(photo.id) } });
  section
    .querySelector('.strip')
    .replaceChildren(
      ...photos
        .slice(0, SHOWN)
        .map((other) =>
          h(
            'li',
            {},
            h(
              'a',
              { href: address({ photo: other.id, filters }), 'aria-label': other.name },
              other.thumbnail
                ? h('img', { src: other.thumbnail, alt: '', loading: 'lazy' })
                : h('span', {}, other.name),
            ),
          ),
        ),
    );
}
