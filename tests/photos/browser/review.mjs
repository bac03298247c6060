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

/** Where the frame is in the stage, and how large beside it. */
const seen = (page) =>
  page.evaluate(() => {
    const frame = document.querySelector('.frame').getBoundingClientRect();
    const stage = document.querySelector('.stage').getBoundingClientRect();
    return {
      scale: Math.round((100 * frame.height) / stage.height),
      left: Math.round(frame.left - stage.left),
      top: Math.round(frame.top - stage.top),
      covers:
        frame.left <= stage.left + 1 &&
        frame.right >= stage.right - 1 &&
        frame.top <= stage.top + 1 &&
        frame.bottom >= stage.bottom - 1,
    };
  });
const level = (page) => page.locator('.zoom .level').textContent();

export async function zooms_by_keys({ page }) {
  await openFirst(page);
  const before = await seen(page);
  assert.equal(await level(page), '100 %');
  await press(page, '+', '+');
  assert.equal(await level(page), '225 %');
  await eventually(() => page.locator('#said').textContent(), 'Zoom 225 %');
  const near = await seen(page);
  assert.ok(near.covers && near.scale > 2 * before.scale, JSON.stringify(near));
  await press(page, 'Shift+ArrowRight', 'Shift+ArrowDown');
  const moved = await seen(page);
  assert.ok(moved.left < near.left && moved.top < near.top, JSON.stringify(moved));
  for (let step = 0; step < 12; step++) await press(page, 'Shift+ArrowLeft');
  assert.ok((await seen(page)).covers, 'it stays over the stage');
  await press(page, '-');
  assert.equal(await level(page), '150 %');
  await press(page, '0');
  assert.deepEqual(await seen(page), before);
  await press(page, '+', 'j'); // another photo is seen as a whole
  await eventually(() => level(page), '100 %');
}

export async function zooms_by_mouse({ page }) {
  await openFirst(page);
  const before = await seen(page);
  const stage = await page.locator('.stage').boundingBox();
  const [x, y] = [stage.x + stage.width / 3, stage.y + stage.height / 3];
  const place = () =>
    page.evaluate(
      ([left, top]) => {
        const frame = document.querySelector('.frame').getBoundingClientRect();
        return [(left - frame.left) / frame.width, (top - frame.top) / frame.height];
      },
      [x, y],
    );
  const under = await place();
  await page.mouse.move(x, y);
  await page.mouse.wheel(0, -500);
  await eventually(() => level(page), '272 %');
  // What is under the pointer stays there.
  for (const [axis, at] of (await place()).entries()) {
    assert.ok(Math.abs(at - under[axis]) < 0.01, `${axis}: ${at} and ${under[axis]}`);
  }
  const near = await seen(page);
  await page.mouse.down();
  await page.mouse.move(x + 40, y + 30, { steps: 4 });
  await page.mouse.up();
  const moved = await seen(page);
  assert.ok(Math.abs(moved.left - near.left - 40) <= 1, JSON.stringify([near, moved]));
  assert.ok(Math.abs(moved.top - near.top - 30) <= 1, JSON.stringify([near, moved]));
  await page.mouse.dblclick(x, y);
  await eventually(() => seen(page), before);
  await page.getByRole('button', { name: 'Zoom in (+)' }).click();
  assert.equal(await level(page), '150 %');
  await page.locator('.zoom .level').click();
  await eventually(() => seen(page), before);
}

/** A face that is dragged over is not named, one that is pressed is. */
export async function presses_faces_while_zoomed({ page }) {
  await openFirst(page);
  await press(page, '+');
  const face = page.getByRole('button', { name: 'Face without a name' });
  const box = await face.boundingBox();
  const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
  await page.mouse.move(x, y);
  await page.mouse.down();
  await page.mouse.move(x - 20, y - 20, { steps: 4 });
  await page.mouse.up();
  assert.equal(await page.locator('.composer').isVisible(), false);
  await face.click();
  await eventually(() => page.locator('.composer').isVisible(), true);
}

/** Two fingers, as a touch screen tells of them. */
export async function zooms_by_two_fingers({ page }) {
  await openFirst(page);
  const stage = await page.locator('.stage').boundingBox();
  const [x, y] = [stage.x + stage.width / 2, stage.y + stage.height / 2];
  const session = await page.context().newCDPSession(page);
  const touch = (type, apart) =>
    session.send('Input.dispatchTouchEvent', {
      type,
      touchPoints: apart === null ? [] : [x - apart, x + apart].map((at, id) => ({ x: at, y, id })),
    });
  await touch('touchStart', 50);
  for (const apart of [60, 80, 100]) await touch('touchMove', apart);
  await touch('touchEnd', null);
  await eventually(() => level(page), '200 %');
}
zooms_by_two_fingers.window = { hasTouch: true };

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
  for (const key of ['j', 'k', 'a', 'A', 'e', 'x', 'm', 'n', 'u', 'U', 'r', '+', '0', '/', 'f', 'g', 'Esc']) {
    assert.ok(help.includes(key), key);
  }
  await press(page, 'Escape');
  await eventually(() => page.locator('#help').isVisible(), false);
}
