// The deck: many photos, scrolling, search, filters, its address.
import assert from 'node:assert/strict';
import { eventually, photoCount, photoName, position, press } from './expect.mjs';

const visibleNames = (page) =>
  page.evaluate(() => {
    const view = document.querySelector('.scroller').getBoundingClientRect();
    return [...document.querySelectorAll('.tile a')]
      .filter((tile) => {
        const box = tile.getBoundingClientRect();
        return box.bottom > view.top && box.top < view.bottom;
      })
      .map((tile) => tile.getAttribute('aria-label').split(',')[0]);
  });

/** First paint with 50,000 photos. Printed: how fast a machine is is no test. */
export async function first_paint({ page }) {
  await eventually(() => photoCount(page), '50,000 photos');
  await page.waitForFunction(() =>
    [...document.querySelectorAll('.tile img')].some(
      (image) => image.complete && image.naturalWidth > 0,
    ),
  );
  const times = await page.evaluate(() => ({
    paint: performance.getEntriesByName('first-contentful-paint')[0].startTime,
    thumbnails: Math.min(
      ...performance
        .getEntriesByType('resource')
        .filter((entry) => entry.name.includes('/thumbnails/'))
        .map((entry) => entry.responseEnd),
    ),
  }));
  console.log(
    `50,000 photos: first paint ${times.paint.toFixed(0)} ms, first thumbnail ` +
      `${times.thumbnails.toFixed(0)} ms`,
  );
  // What is on the page does not grow with the library.
  assert.ok((await page.locator('.tile').count()) < 200);
}
first_paint.photos = 50000;

/** Scrolls the whole of 50,000 photos; frames are printed. */
export async function scrolls_to_the_end({ page, library }) {
  await eventually(() => photoCount(page), '50,000 photos');
  const frames = await page.evaluate(async () => {
    const scroller = document.querySelector('.scroller');
    const gaps = [];
    let before = performance.now();
    for (let step = 1; step <= 120; step++) {
      scroller.scrollTop = (scroller.scrollHeight * step) / 120;
      const now = await new Promise((frame) => {
        requestAnimationFrame(frame);
      });
      gaps.push(now - before);
      before = now;
    }
    return gaps.sort((a, b) => a - b);
  });
  console.log(
    `scrolling 50,000 photos in 120 frames: median ${frames[60].toFixed(1)} ms a frame, ` +
      `p95 ${frames[114].toFixed(1)} ms`,
  );
  await eventually(async () => (await visibleNames(page)).includes('IMG_00001.jpg'), true);
  // Only what was looked at was asked for, not the 500 pages in between.
  const lists = library.requests.filter((request) => request === 'GET /api/photos').length;
  assert.ok(lists < 150, `${lists} pages were asked for`);
  assert.ok((await page.locator('.tile').count()) < 200);
}
scrolls_to_the_end.photos = 50000;

export async function searches_while_one_types({ page }) {
  await press(page, '/');
  await page.keyboard.type('giraffe');
  await eventually(() => photoCount(page), '16 photos');
  await press(page, 'Enter');
  await press(page, 'Enter');
  await eventually(async () => (await photoName(page)).startsWith('IMG_'), true);
  await eventually(() => position(page), '1 of 16');
  await page.reload();
  await eventually(() => position(page), '1 of 16');
  await press(page, 'Escape');
  await eventually(() => photoCount(page), '16 photos');
  assert.equal(await page.locator('#search').inputValue(), 'giraffe');
  await press(page, 'Escape');
  await eventually(() => photoCount(page), '60 photos');
}

export async function filters_by_keys({ page }) {
  await press(page, 'f');
  await page.locator('#filters').waitFor();
  await page.locator('input[name=reviewed][value=no]').focus();
  await press(page, 'Space');
  await eventually(() => photoCount(page), '48 photos');
  await page.getByRole('button', { name: 'bread', exact: false }).click();
  await eventually(
    () => page.locator('.active-filters li').allTextContents(),
    ['Entities: bread ×', 'Not reviewed ×'],
  );
  await press(page, 'f');
  await eventually(() => page.locator('#filters').isVisible(), false);
  await page.getByRole('button', { name: 'Remove filter: Entities: bread' }).click();
  await eventually(() => photoCount(page), '48 photos');
}

export async function is_ordered_as_it_fits({ page, library }) {
  await eventually(() => photoCount(page), '60 photos');
  assert.equal(library.lastList.order, '-taken');
  await press(page, '/');
  await page.keyboard.type('bread');
  await eventually(() => library.lastList.q, 'bread');
  assert.equal(library.lastList.order, 'relevance');
  await press(page, 'Enter', 'f');
  await page.locator('#filters select[name=order]').selectOption('added');
  await eventually(() => library.lastList, {
    offset: '0',
    limit: '100',
    q: 'bread',
    order: 'added',
  });
}

export async function says_when_nothing_is_there({ page }) {
  await eventually(() => page.locator('.empty-deck h2').textContent(), 'No photos yet');
  assert.equal(await page.locator('.empty-deck .clear-filters').isVisible(), false);
}
says_when_nothing_is_there.photos = 0;

export async function says_when_nothing_matches({ page }) {
  await eventually(() => page.locator('.empty-deck h2').textContent(), 'No photo is like this');
  await page.locator('.clear-filters').click();
  await eventually(() => photoCount(page), '60 photos');
}
says_when_nothing_matches.address = '#/?q=unicorn';

export async function walks_by_arrows({ page }) {
  await eventually(() => photoCount(page), '60 photos');
  const current = () =>
    page.evaluate(() => document.activeElement.getAttribute('aria-label')?.split(',')[0]);
  await press(page, 'ArrowRight');
  await eventually(current, 'IMG_00060.jpg');
  await press(page, 'ArrowRight', 'j', 'k', 'ArrowDown');
  const columns = await page.evaluate(() => {
    const tops = [...document.querySelectorAll('.tile')].map(
      (tile) => tile.getBoundingClientRect().top,
    );
    return tops.filter((top) => Math.abs(top - tops[0]) < 1).length;
  });
  await eventually(current, `IMG_000${59 - columns}.jpg`);
  await press(page, 'End');
  await eventually(current, 'IMG_00001.jpg');
  await press(page, 'Enter');
  await eventually(() => position(page), '60 of 60');
  await press(page, 'Escape');
  await eventually(current, 'IMG_00001.jpg');
}

export async function goes_back_by_the_browser({ page }) {
  await page.locator('.tile a').first().click();
  await press(page, 'j', 'j');
  await eventually(() => position(page), '3 of 60');
  await page.goBack();
  await eventually(() => page.locator('#photo').isVisible(), false);
  await page.goForward();
  await eventually(() => position(page), '3 of 60');
}
