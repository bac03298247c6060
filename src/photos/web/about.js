// What is known of a photo besides its tags: file, camera, light, what is written in it.
import { h } from './dom.js';
import * as words from './words.js';

/** Fills the list of facts; what is not known is left out. */
export function fillAbout(element, photo) {
  const facts = describe(photo).filter(([, value]) => value);
  const shown =
    JSON.stringify(photo.metadata) +
    JSON.stringify(photo.regions) +
    JSON.stringify(photo.files) +
    JSON.stringify(photo.notes);
  if (element.dataset.shown === shown) return;
  element.dataset.shown = shown;
  element.replaceChildren(
    ...facts.map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value))),
  );
}

function describe(photo) {
  const { metadata, files, regions, notes } = photo;
  const written = (kind) =>
    regions
      .filter((region) => region.kind === kind && region.text)
      .map((region) => h('p', {}, region.text));
  const list = (nodes) => (nodes.length > 0 ? nodes : null);
  return [
    ['Note', list((notes ?? []).map((note) => h('p', {}, note)))],
    ['Taken', metadata.taken && words.dateAndTime(metadata.taken)],
    ['Clock', metadata.taken_warning],
    ['Camera', [metadata.camera, metadata.lens].filter(Boolean).join(', ')],
    ['Place', place(metadata)],
    [
      'Picture',
      `${metadata.width} × ${metadata.height}, ${metadata.format}, ` + words.bytes(metadata.bytes),
    ],
    ['Sharpness', sharpness(metadata.sharpness)],
    ['Brightness', metadata.brightness == null ? '' : words.percent(metadata.brightness)],
    ['Colours', list((metadata.colours ?? []).map(swatch))],
    ['Text', list(written('text'))],
    ['Barcodes', list(written('barcode'))],
    [
      'Files',
      list(
        files.map(({ path, missing }) =>
          h('p', { class: missing ? 'missing' : '' }, missing ? `${path} (missing)` : path),
        ),
      ),
    ],
  ];
}

function place({ latitude, longitude, altitude_m: altitude }) {
  if (latitude == null || longitude == null) return '';
  const height = altitude == null ? '' : `, ${Math.round(altitude)} m`;
  return `${latitude.toFixed(5)}, ${longitude.toFixed(5)}${height}`;
}

/** `value`: log10 of the variance of the Laplacian; under 1.5 is blurred (vision.h). */
function sharpness(value) {
  if (value == null) return '';
  return `${value.toFixed(1)}${value < 1.5 ? ' (blurred)' : ''}`;
}

function swatch({ name, hex, share }) {
  const colour = h('span', { class: 'swatch' });
  colour.style.background = hex;
  return h('span', { class: 'colour' }, colour, `${name} ${words.percent(share)}`);
}
