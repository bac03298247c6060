// For everyone: names, focus, contrast, sizes, motion.
import assert from 'node:assert/strict';
import { eventually, focused, press, tags } from './expect.mjs';

/** Controls in view without a name, as the browser computes names. */
async function nameless(page) {
  const session = await page.context().newCDPSession(page);
  await session.send('Accessibility.enable');
  const { nodes } = await session.send('Accessibility.getFullAXTree');
  const roles = [
    'button',
    'link',
    'textbox',
    'searchbox',
    'combobox',
    'checkbox',
    'radio',
    'dialog',
    'progressbar',
    'progressIndicator',
    'img',
    'image',
    'list',
    'group',
    'region',
  ];
  const controls = nodes.filter((node) => !node.ignored && roles.includes(node.role?.value));
  assert.ok(controls.length > 0, 'the tree of accessible elements is empty');
  return controls
    .filter((node) => !node.name?.value && !['list', 'group', 'region'].includes(node.role.value))
    .map((node) => node.role.value);
}

const SHEETS = [
  ['f', '#filters'],
  ['g', '#progress'],
  ['?', '#help'],
];

/** Has the deck checked, every sheet, and a photo that `openPhoto()` opens. */
async function everywhere(page, check, openPhoto) {
  await page.locator('.tile a[href]').first().waitFor();
  await check('deck');
  for (const [key, sheet] of SHEETS) {
    await press(page, key);
    await page.locator(sheet).waitFor();
    await check(sheet);
    await press(page, 'Escape');
  }
  await openPhoto(page.locator('.tile a').first());
  await eventually(async () => (await tags(page)).length, 3);
  await check('photo');
}

export async function every_control_has_a_name({ page, library }) {
  library.fail(60, 'large', 'it is down');
  const check = async (where) => assert.deepEqual(await nameless(page), [], where);
  await everywhere(page, check, (tile) => tile.click());
  await press(page, 'ArrowDown', 'e');
  await eventually(() => page.locator('.composer').isVisible(), true);
  await check('composer');
}

/** By the tab key: from the top to the deck, which is one stop; on a photo, the tags are one. */
export async function focus_goes_in_order({ page }) {
  await eventually(() => page.locator('.tile a').first().isVisible(), true);
  const walk = async (steps) => {
    const names = [];
    for (let step = 0; step < steps; step++) {
      await press(page, 'Tab');
      names.push((await focused(page)).split(',')[0]);
    }
    return names;
  };
  assert.deepEqual(await walk(7), [
    'All photos',
    'Search photos',
    'Filters (f)',
    'Progress (g): all done',
    'Light or dark',
    'Keys (?)',
    'IMG_00060.jpg',
  ]);
  await press(page, 'Enter');
  await eventually(async () => (await tags(page)).length, 3);
  assert.equal(await focused(page), 'IMG_00060.jpg'); // the stage
  const names = await walk(8);
  assert.deepEqual(names.slice(0, 4), [
    'Face without a name',
    'Previous photo (k)',
    'Next photo (j)',
    'Zoom in (+)', // at 100 % the others do nothing
  ]);
  assert.equal(names.filter((name) => name.startsWith('giraffe')).length, 1);
  assert.equal(names.filter((name) => name.startsWith('circle')).length, 0);
}

export async function sheets_keep_and_give_back_focus({ page }) {
  await press(page, 'j');
  const before = await focused(page);
  for (const [key, sheet] of SHEETS) {
    await press(page, key);
    for (let step = 0; step < 25; step++) {
      await press(page, 'Tab');
      const outside = await page.evaluate(
        (dialog) =>
          document.activeElement !== document.body &&
          !document.querySelector(dialog).contains(document.activeElement),
        sheet,
      );
      assert.equal(outside, false, `${sheet} after ${step} steps`);
    }
    await press(page, 'Escape');
    await eventually(() => focused(page), before);
  }
}

/** Texts whose contrast with what is behind them is under 4.5 : 1 (WCAG 2.2, 1.4.3). */
const pale = (page) =>
  page.evaluate(() => {
    const channels = (colour) => colour.match(/[\d.]+/g).map(Number);
    const linear = (value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
    const luminance = ([red, green, blue]) =>
      0.2126 * linear(red / 255) + 0.7152 * linear(green / 255) + 0.0722 * linear(blue / 255);
    const ground = (element) => {
      for (let one = element; one; one = one.parentElement) {
        const colour = channels(getComputedStyle(one).backgroundColor);
        if (colour.length === 3 || colour[3] > 0.7) return colour;
      }
      return [255, 255, 255];
    };
    const texts = [...document.querySelectorAll('body *')].filter(
      (element) =>
        element.checkVisibility({ visibilityProperty: true, opacityProperty: true }) &&
        !element.closest('.unseen, option, datalist') &&
        element.getClientRects().length > 0 &&
        [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim()),
    );
    const found = texts.map((element) => {
      const [a, b] = [getComputedStyle(element).color, null].map((colour) =>
        luminance(colour ? channels(colour) : ground(element)),
      );
      const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
      return {
        contrast,
        what: `${element.className || element.tagName}: ${element.textContent.trim()}`,
      };
    });
    return {
      number: found.length,
      pale: found
        .filter(({ contrast }) => contrast < 4.5)
        .map(({ contrast, what }) => `${what} ${contrast.toFixed(2)}`),
    };
  });

export async function texts_have_contrast({ page, library }) {
  library.fail(60, 'large', 'it is down');
  library.photos.get(60).tags[0].state = 'rejected';
  library.photos.get(60).tags[1].state = 'accepted';
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    let number = 0;
    const check = async (where) => {
      const result = await pale(page);
      number += result.number;
      assert.deepEqual(result.pale, [], `${colorScheme}, ${where}`);
    };
    await everywhere(page, check, (tile) => tile.click());
    await press(page, 'ArrowDown', 'ArrowDown', 'm');
    await eventually(() => page.locator('.toast').count().then(Boolean), true);
    await check('photo with a tag in focus');
    await press(page, 'Escape');
    assert.ok(number > 100, `${number} texts`);
  }
}

/** The theme by hand wins over the system's, and lasts. */
export async function theme_is_kept({ page }) {
  await page.emulateMedia({ colorScheme: 'light' });
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await ground();
  const button = page.locator('#next-theme');
  await button.click(); // light
  await button.click(); // dark
  const dark = await ground();
  assert.notEqual(dark, light);
  await page.reload();
  await page.waitForSelector('html[data-ready]');
  assert.equal(await ground(), dark);
  await page.locator('#next-theme').click(); // as the system has it
  assert.equal(await ground(), light);
}

/** Nothing is wider than a phone, and what is touched is not tiny. */
export async function fits_a_phone({ page }) {
  const check = async (where) => {
    const found = await page.evaluate(() => ({
      wide: document.documentElement.scrollWidth > window.innerWidth,
      outside: [...document.querySelectorAll('button, input, select')]
        .filter((control) => {
          const box = control.getBoundingClientRect();
          return (
            control.checkVisibility({ visibilityProperty: true }) &&
            box.width > 1 &&
            !control.closest('.table-room, .strip') &&
            (box.left < -1 || box.right > window.innerWidth + 1)
          );
        })
        .map((control) => control.ariaLabel ?? control.textContent),
      tiny: [...document.querySelectorAll('button')]
        .filter((control) => {
          const box = control.getBoundingClientRect();
          return (
            control.checkVisibility({ visibilityProperty: true }) &&
            !control.matches('.box') &&
            (box.width < 24 || box.height < 24)
          );
        })
        .map((control) => control.ariaLabel ?? control.textContent),
    }));
    assert.deepEqual(found, { wide: false, outside: [], tiny: [] }, where);
  };
  await everywhere(page, check, (tile) => tile.tap());
  await page.locator('.tag').first().tap();
  await check('photo with a tag in focus');
  await page.locator('.inspector .accept').tap();
  await eventually(async () => (await tags(page))[0], 'giraffe accepted');
}
fits_a_phone.window = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };

export async function motion_can_be_reduced({ page, library }) {
  await page.emulateMedia({ reducedMotion: 'reduce' });
  library.photos.get(60).tiers[3].state = 'running';
  library.changed(60);
  await eventually(() => page.locator('.badge.running').count(), 1);
  await press(page, 'j', 'Enter');
  await eventually(async () => (await tags(page)).length, 3);
  const moving = await page.evaluate(() => document.getAnimations().length);
  assert.equal(moving, 0);
}

/** Screen readers are told of what happens once, not of every event. */
export async function arrivals_do_not_chatter({ page, library }) {
  await press(page, 'j', 'Enter');
  await eventually(async () => (await tags(page)).length, 3);
  await page.evaluate(() => {
    window.saidCount = 0;
    new MutationObserver(() => {
      window.saidCount++;
    }).observe(document.getElementById('said'), { childList: true });
  });
  for (let step = 0; step < 20; step++) {
    library.finish(60, 'large', [['mood', `mood ${step}`]]);
    library.tell('progress', library.progress());
  }
  await eventually(async () => (await tags(page)).length, 23);
  await eventually(() => page.evaluate(() => window.saidCount), 1);
}
