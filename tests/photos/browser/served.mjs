// The page with the program itself, whose models describe the pictures.
import assert from 'node:assert/strict';
import { eventually, focusedTag, photoCount, photoName, press, tags } from './expect.mjs';

/** Models on a busy machine take their time. */
const MODEL_MS = 120000;

/** The settings without the tier that takes longest: `glance` is done within seconds. */
function quick(settings) {
  const tier = settings.indexOf('[[tier]]\nname = "large"');
  assert.ok(tier > 0, settings);
  return settings.slice(0, tier).replace(/^escalate = .*$/m, '');
}

const finished = (page) =>
  page
    .locator('.tiers li')
    .evaluateAll((rows) => rows.length > 0 && rows.every((row) => row.dataset.state === 'done'));

/** Opens the first photo, as soon as there is one. */
async function enterFirst(page) {
  await page.locator('.tile a[href]').first().waitFor();
  await press(page, 'j', 'Enter');
  await page.locator('.tiers li').first().waitFor();
}

/** Opens it, and waits until all tiers are done with it. */
async function openFinished(page) {
  await enterFirst(page);
  await eventually(() => finished(page), true, MODEL_MS);
}

export async function tags_arrive_after_a_photo_is_added({ page, library }) {
  await eventually(() => page.locator('.empty-deck h2').textContent(), 'No photos yet');
  await library.add('beach.jpg');
  await eventually(() => photoCount(page), '1 photo');
  await openFinished(page);
  assert.equal(await photoName(page), 'beach.jpg');
  const values = await tags(page);
  assert.ok(values.length > 0, 'the models said nothing');
  assert.ok(
    values.every((tag) => tag.endsWith(' proposed')),
    values.join(),
  );
  await press(page, 'ArrowDown');
  assert.match(await page.locator('.inspector').textContent(), /glance/);
  // The picture itself came as well, not only its thumbnail.
  await page.waitForFunction(() => document.querySelector('.large').naturalWidth > 0);
}
tags_arrive_after_a_photo_is_added.served = { settings: quick };

export async function review_lasts({ page, library, open }) {
  await openFinished(page);
  const before = await tags(page);
  await press(page, 'ArrowDown', 'a');
  await eventually(
    async () => (await tags(page)).filter((tag) => tag.endsWith(' accepted')).length,
    1,
  );
  await press(page, 'n');
  await page.keyboard.type('quiet lagoon');
  await press(page, 'Enter');
  await eventually(async () => (await tags(page)).includes('quiet lagoon added'), true);
  await page.locator('.tag', { hasText: 'quiet lagoon' }).focus();
  await press(page, 'e');
  await page.keyboard.type('blue lagoon');
  await press(page, 'Enter');
  await eventually(() => focusedTag(page), 'blue lagoon');
  const after = await tags(page);

  const other = await open(new URL(page.url()).hash);
  await eventually(() => tags(other), after);
  for (let step = 0; step < 3; step++) await press(other, 'u');
  await eventually(() => tags(page), before);
  await eventually(() => tags(other), before);
  for (let step = 0; step < 3; step++) await press(page, 'U');
  await eventually(() => tags(other), after);

  await page.reload();
  await eventually(() => tags(page), after);
  await press(page, '/');
  await page.keyboard.type('lagoon');
  await press(page, 'Enter');
  await eventually(() => photoCount(page), '1 photo');
  assert.match(await library.run('search', 'lagoon'), /shapes\.jpg|beach\.jpg/);
}
review_lasts.served = { settings: quick, pictures: ['beach.jpg', 'shapes.jpg'] };

export async function reviewed_photos_are_filtered({ page }) {
  await eventually(() => photoCount(page), '3 photos');
  await enterFirst(page);
  const first = await photoName(page);
  await press(page, 'r');
  await eventually(async () => (await photoName(page)) !== first, true);
  await press(page, 'Escape', 'f');
  await page.locator('input[name=reviewed][value=no]').check();
  await eventually(() => photoCount(page), '2 photos');
}
reviewed_photos_are_filtered.served = {
  pictures: ['beach.jpg', 'safari.jpg', 'breakfast.jpg'],
  options: ['--no-work'],
};

/** A model that is down: said on the photo and of its tier, and tried again when asked. */
export async function errors_are_tried_again({ page }) {
  await enterFirst(page);
  const row = page.locator('.tiers li').filter({ hasText: 'First look' });
  await eventually(
    async () =>
      /failed|waiting/.test(await row.getAttribute('data-state')) &&
      (await row.locator('.why').textContent()).includes('127.0.0.1'),
    true,
    MODEL_MS,
  );
  await press(page, 'g');
  const tier = page.locator('#progress tbody tr').filter({ hasText: 'First look' });
  await eventually(
    async () => (await tier.locator('.trouble').textContent()).includes('127.0.0.1'),
    true,
  );
  await page.getByRole('button', { name: 'Try all again' }).click();
  await eventually(() => page.locator('#said').textContent(), 'It will be tried again');
}
errors_are_tried_again.served = {
  pictures: ['beach.jpg'],
  settings: (text) => text.replace('# url = "http://127.0.0.1:8080"', 'url = "http://127.0.0.1:9"'),
};

export async function a_killed_program_comes_back({ page, library }) {
  await eventually(() => photoCount(page), '1 photo');
  await library.kill();
  await eventually(() => page.locator('#offline').isVisible(), true);
  await library.add('safari.jpg');
  await library.start('--no-work');
  await eventually(() => page.locator('#offline').isVisible(), false);
  await eventually(() => photoCount(page), '2 photos');
}
a_killed_program_comes_back.served = { pictures: ['beach.jpg'], options: ['--no-work'] };

/** With a key: nothing without it, and after it was given once the address does not show it. */
export async function a_key_opens_the_page({ page, context, url }) {
  await eventually(() => photoCount(page), '1 photo');
  assert.ok(!page.url().includes('lemon'), page.url());
  await page.waitForFunction(() =>
    [...document.querySelectorAll('.tile img')].some((image) => image.naturalWidth > 0),
  );
  await context.clearCookies();
  assert.equal((await page.request.get(url)).status(), 401);
}
a_key_opens_the_page.served = { pictures: ['beach.jpg'], options: ['--no-work', '--key', 'lemon'] };
a_key_opens_the_page.address = '?key=lemon';
