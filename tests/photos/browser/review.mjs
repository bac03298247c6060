// Reviewing with the keyboard alone.
import assert from 'node:assert/strict';
import { eventually, focusedTag, photoCount, photoName, position, press, tags } from './expect.mjs';

// Photo 60 of the made library: giraffe, circle (entities), outdoors (context), all proposed.
const FIRST = ['giraffe proposed', 'circle proposed', 'outdoors proposed'];

async function openFirst(page) {
  await press(page, 'j', 'Enter');
  await eventually(() => tags(page), FIRST);
}

export async function accepts_rejects_and_undoes({ page, library }) {
  await openFirst(page);
  await press(page, 'a'); // to the first tag
  await eventually(() => focusedTag(page), 'giraffe');
  await press(page, 'a');
  await eventually(() => focusedTag(page), 'circle');
  await press(page, 'x');
  await eventually(() => focusedTag(page), 'outdoors');
  await eventually(() => tags(page), ['giraffe accepted', 'circle rejected', 'outdoors proposed']);
  await press(page, 'u');
  await eventually(() => tags(page), ['giraffe accepted', 'circle proposed', 'outdoors proposed']);
  await press(page, 'u');
  await eventually(() => tags(page), FIRST);
  await press(page, 'u'); // there is nothing left, which is said
  await eventually(() => page.locator('#said').textContent(), 'there is nothing left to take back');
  await press(page, 'U', 'U');
  await eventually(() => tags(page), ['giraffe accepted', 'circle rejected', 'outdoors proposed']);
  assert.equal(await focusedTag(page), 'outdoors');
  assert.ok(library.requests.includes('POST /api/photos/60/open'));
}

export async function accepts_all({ page }) {
  await openFirst(page);
  await press(page, 'A');
  await eventually(() => tags(page), ['giraffe accepted', 'circle accepted', 'outdoors accepted']);
}

export async function edits({ page }) {
  await openFirst(page);
  await press(page, 'ArrowDown', 'ArrowDown', 'e');
  await eventually(() => page.locator('.composer input').inputValue(), 'circle');
  await page.keyboard.type('small circle');
  await press(page, 'Enter');
  await eventually(
    () => tags(page),
    ['giraffe proposed', 'small circle edited', 'outdoors proposed'],
  );
  assert.equal(await focusedTag(page), 'small circle');
  assert.match(await page.locator('.inspector').textContent(), /Was: circle/);
  await press(page, 'e');
  await page.keyboard.type('cat');
  await press(page, 'Escape'); // leaves the form, not the photo
  await eventually(() => focusedTag(page), 'small circle');
  assert.deepEqual(await tags(page), [
    'giraffe proposed',
    'small circle edited',
    'outdoors proposed',
  ]);
}

export async function merges({ page }) {
  await openFirst(page);
  await press(page, 'm');
  assert.match(await page.locator('#said').textContent(), /Select two or more/);
  await press(page, 'ArrowDown', 'Space', 'ArrowDown', 'Space', 'm');
  await eventually(() => page.locator('.composer input').inputValue(), 'giraffe');
  await page.keyboard.type('tall circle');
  await press(page, 'Enter');
  await eventually(() => tags(page), ['tall circle edited', 'outdoors proposed']);
}

export async function adds({ page }) {
  await openFirst(page);
  await press(page, 'n');
  await page.keyboard.type('a quiet evening');
  await page.locator('.composer select').selectOption('mood');
  await page.locator('.composer input').press('Enter');
  await eventually(() => tags(page), ['a quiet evening added', ...FIRST]);
}

export async function names_a_face({ page }) {
  await openFirst(page);
  await page.getByRole('button', { name: 'Face without a name' }).press('Enter');
  await page.keyboard.type('Anna');
  await press(page, 'Enter');
  await page.getByRole('button', { name: 'Face: Anna' }).waitFor();
  await press(page, 'b');
  assert.equal(await page.getByRole('button', { name: 'Face: Anna' }).isVisible(), false);
  await press(page, 'Escape', 'f');
  await page
    .locator('#filters select[name=person] option[value=Anna]')
    .waitFor({ state: 'attached' });
  await page.locator('#filters select[name=person]').selectOption('Anna');
  await eventually(() => photoCount(page), '1 photo');
  assert.deepEqual(await page.locator('.active-filters li').allTextContents(), ['Anna ×']);
}

export async function marks_as_reviewed_and_goes_on({ page, library }) {
  await press(page, 'j', 'j', 'Enter');
  await eventually(() => photoName(page), 'IMG_00059.jpg');
  await eventually(async () => (await tags(page)).length, 3);
  await press(page, 'r');
  await eventually(() => photoName(page), 'IMG_00058.jpg');
  assert.equal(library.photos.get(59).reviewed, true);
  await press(page, 'u'); // goes back to what it changed
  await eventually(() => photoName(page), 'IMG_00059.jpg');
  await eventually(() => library.photos.get(59).reviewed, false);
  await eventually(() => page.locator('.reviewed-button').getAttribute('aria-pressed'), 'false');
}

export async function walks_through_photos({ page }) {
  await openFirst(page);
  for (let step = 0; step < 8; step++) await press(page, 'j');
  await eventually(() => position(page), '9 of 60');
  await press(page, 'k', 'ArrowLeft', 'ArrowRight');
  await eventually(() => position(page), '8 of 60');
  await eventually(() => photoName(page), 'IMG_00053.jpg');
  await eventually(() => tags(page), ['red car proposed', 'beach proposed', 'outdoors proposed']);
  const shown = await page.locator('.large').getAttribute('src');
  assert.equal(shown, '/pictures/53.jpg');
}

/** Over the end of a loaded page of photos, and to the last one of all. */
export async function walks_over_the_edges({ page }) {
  await eventually(() => position(page), '100 of 250');
  await press(page, 'j');
  await eventually(() => photoName(page), 'IMG_00150.jpg');
  await press(page, 'k');
  await eventually(() => photoName(page), 'IMG_00151.jpg');
  await page.goto(`${page.url().split('#')[0]}#/photo/2?at=248`);
  await eventually(() => position(page), '249 of 250');
  await press(page, 'j');
  await eventually(() => photoName(page), 'IMG_00001.jpg');
  await press(page, 'j');
  await eventually(() => page.locator('#said').textContent(), 'This is the last photo');
  assert.equal(await photoName(page), 'IMG_00001.jpg');
}
walks_over_the_edges.photos = 250;
walks_over_the_edges.address = '#/photo/151?at=99';

export async function shows_refusals({ page, library }) {
  await openFirst(page);
  await press(page, 'ArrowDown');
  library.photos.get(60).tags = []; // behind the page's back
  await press(page, 'a');
  await eventually(() => page.locator('#said-urgently').textContent(), 'there is no such tag');
  assert.equal(await page.locator('.toast.error').count(), 1);
}

export async function shows_all_keys({ page }) {
  await press(page, '?');
  const help = await page.locator('#help').textContent();
  for (const key of ['j', 'k', 'a', 'A', 'e', 'x', 'm', 'n', 'u', 'U', 'r', '/', 'f', 'g', 'Esc']) {
    assert.ok(help.includes(key), key);
  }
  await press(page, 'Escape');
  await eventually(() => page.locator('#help').isVisible(), false);
}
