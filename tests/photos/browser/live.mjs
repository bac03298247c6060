// What changes by itself while one looks: photos and tags that arrive, errors, a second window.
import assert from 'node:assert/strict';
import {
  eventually,
  focused,
  focusedTag,
  photoCount,
  photoName,
  position,
  press,
  tags,
} from './expect.mjs';

async function openFirst(page) {
  await press(page, 'j', 'Enter');
  await eventually(async () => (await tags(page)).length, 3);
}

export async function tags_arrive_and_the_focus_stays({ page, library }) {
  await openFirst(page);
  await press(page, 'ArrowDown', 'ArrowDown');
  await eventually(() => focusedTag(page), 'circle');
  const id = library.add(); // 61, in front of the open one
  await eventually(() => position(page), '2 of 61');
  library.finish(60, 'large', [
    ['mood', 'calm'],
    ['activities', 'walking'],
  ]);
  await eventually(
    () => tags(page),
    [
      'giraffe proposed',
      'circle proposed',
      'outdoors proposed',
      'calm proposed',
      'walking proposed',
    ],
  );
  assert.equal(await focusedTag(page), 'circle');
  await press(page, 'k');
  await eventually(() => photoName(page), 'IMG_00061.jpg');
  await eventually(() => page.locator('.nothing').isVisible(), true);
  library.finish(id, 'small', [['entities', 'lighthouse']]);
  await eventually(() => tags(page), ['lighthouse proposed']);
  await eventually(() => page.locator('#said').textContent(), '1 new tag');
}

/** An editor that is open when tags arrive keeps what was typed. */
export async function tags_arrive_while_one_types({ page, library }) {
  await openFirst(page);
  await press(page, 'ArrowDown', 'e');
  await page.keyboard.type('late ni');
  library.finish(60, 'large', [['mood', 'calm']]);
  await eventually(async () => (await tags(page)).length, 4);
  await page.keyboard.type('ght');
  await press(page, 'Enter');
  await eventually(
    () => tags(page),
    ['late night edited', 'circle proposed', 'outdoors proposed', 'calm proposed'],
  );
}

/** The tag in focus goes: the focus goes to the next, and from the last one to the one before it. */
export async function a_tag_goes_while_in_focus({ page, library }) {
  await openFirst(page);
  await press(page, 'ArrowDown', 'ArrowDown');
  await eventually(() => focusedTag(page), 'circle');
  library.photos.get(60).tags.splice(1, 1);
  library.changed(60);
  await eventually(() => focusedTag(page), 'outdoors');
  library.photos.get(60).tags.pop();
  library.changed(60);
  await eventually(() => focusedTag(page), 'giraffe');
}

export async function photos_arrive_in_the_deck({ page, library }) {
  await eventually(() => photoCount(page), '60 photos');
  await press(page, 'j', 'j');
  const before = await focused(page);
  library.add();
  await eventually(() => photoCount(page), '61 photos');
  assert.equal(await focused(page), before);
  await press(page, 'ArrowLeft', 'ArrowLeft');
  await eventually(async () => (await focused(page)).split(',')[0], 'IMG_00061.jpg');
}

/** The deck gets shorter than where the focus is. */
export async function photos_go_from_the_deck({ page, library }) {
  await page.locator('.tile a[href]').first().waitFor();
  await press(page, 'End');
  await eventually(async () => (await focused(page)).split(',')[0], 'IMG_00001.jpg');
  for (const id of [1, 2, 3]) library.photos.delete(id);
  library.tell('photos', { added: 0 });
  await eventually(() => photoCount(page), '57 photos');
  await press(page, 'End');
  await eventually(async () => (await focused(page)).split(',')[0], 'IMG_00004.jpg');
}

/** Far down in the deck, what one looks at stays where it is. */
export async function photos_arrive_above({ page, library }) {
  await eventually(() => photoCount(page), '1,000 photos');
  // '' while the rows that were scrolled to are not there yet.
  const top = () =>
    page.evaluate(() => {
      const view = document.querySelector('.scroller').getBoundingClientRect();
      const tile = [...document.querySelectorAll('.tile')].find(
        (one) => one.getBoundingClientRect().top >= view.top - 1,
      );
      return tile ? tile.firstElementChild.getAttribute('aria-label').split(',')[0] : '';
    });
  await page.evaluate(() => {
    document.querySelector('.scroller').scrollTop = 209 * 40;
  });
  await eventually(async () => (await top()).startsWith('IMG_'), true);
  const before = await top();
  for (let photo = 0; photo < 12; photo++) library.add(); // two rows of six
  await eventually(() => photoCount(page), '1,012 photos');
  await eventually(top, before);
}
photos_arrive_above.photos = 1000;

export async function two_windows_stay_in_step({ page, open }) {
  const other = await open('#/photo/60');
  await eventually(async () => (await tags(other)).length, 3);
  await openFirst(page);
  await press(page, 'A');
  const accepted = ['giraffe accepted', 'circle accepted', 'outdoors accepted'];
  await eventually(() => tags(page), accepted);
  await eventually(() => tags(other), accepted);
  await press(other, 'u');
  await eventually(() => tags(page), ['giraffe proposed', 'circle proposed', 'outdoors proposed']);
}

export async function errors_are_shown_and_tried_again({ page, library }) {
  library.fail(60, 'large', 'the model at http://127.0.0.1:9 is down');
  await eventually(
    async () => /1 error/.test(await page.locator('#open-progress').getAttribute('aria-label')),
    true,
  );
  await press(page, 'j', 'Enter');
  await eventually(
    () => page.locator('.tiers .why:visible').allTextContents(),
    ['the model at http://127.0.0.1:9 is down'],
  );
  await page.getByRole('button', { name: 'Try again: Large model' }).press('Enter');
  await eventually(() => page.locator('.tiers .why:visible').count(), 0);
  library.fail(60, 'large', 'nonsense');
  library.fail(59, 'small', 'nonsense');
  await press(page, 'g');
  await eventually(() => page.locator('.errors li').count(), 2);
  await page.getByRole('button', { name: 'Try again: IMG_00059.jpg, small' }).click();
  await eventually(() => page.locator('.errors li').count(), 1);
  await page.getByRole('button', { name: 'Try all again' }).click();
  await eventually(() => page.locator('.no-errors').isVisible(), true);
}

/** One error ends and another comes between two looks: their number is the same. */
export async function errors_change_while_their_list_is_open({ page, library }) {
  const photos = () => page.locator('.errors a').allTextContents();
  library.fail(60, 'large', 'nonsense');
  await press(page, 'g');
  await eventually(photos, ['IMG_00060.jpg']);
  const failed = library.photo(60).tiers.find(({ name }) => name === 'large');
  Object.assign(failed, { state: 'waiting', error: null });
  library.fail(59, 'small', 'nonsense');
  await eventually(photos, ['IMG_00059.jpg']);
}

export async function progress_is_live({ page, library }) {
  await press(page, 'g');
  const id = library.add();
  const row = page.locator('#progress tbody tr').filter({ hasText: 'Small model' });
  await eventually(() => row.locator('.waiting').textContent(), '1');
  library.finish(id, 'small', []);
  library.tell('progress', library.progress());
  await eventually(() => row.locator('.done').textContent(), '61 of 61');
}

/** What happened while the connection was lost is fetched when it stands again. */
export async function a_lost_connection_is_said_and_made_up_for({ page, library, context }) {
  await openFirst(page);
  await context.setOffline(true);
  library.disconnect();
  await eventually(() => page.locator('#offline').isVisible(), true);
  library.finish(60, 'large', [['mood', 'calm']]);
  await context.setOffline(false);
  await eventually(() => page.locator('#offline').isVisible(), false);
  await eventually(async () => (await tags(page)).length, 4);
}

/** A photo that is deleted while it is open is left. */
export async function a_photo_goes_while_open({ page, library }) {
  await openFirst(page);
  library.photos.delete(60);
  library.changed(60);
  await eventually(() => page.locator('#photo').isVisible(), false);
}
