// Makes the pictures of the review deck in docs/images, from a library of the sample pictures:
//
//   node tools/photos_screenshots.mjs build/release/bin/saccade
//
// It needs Chromium and Playwright (tools/fetch_clients.sh).
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { launch } from '../tests/photos/browser/run.mjs';
import { ServedLibrary } from '../tests/photos/browser/served_library.mjs';

const QUALITY = 0.85;
const images = fileURLToPath(new URL('../docs/images/', import.meta.url));

async function settled(page) {
  await page.waitForFunction(() => [...document.images].every((image) => image.complete));
  await page.waitForFunction(() => document.querySelectorAll('.toast').length === 0);
}

/** Waits until no tier has anything to do. */
async function described(page, url) {
  for (;;) {
    const { tiers } = await (await page.request.get(`${url}api/progress`)).json();
    if (tiers.every((tier) => tier.blocked + tier.waiting + tier.running === 0)) return;
    await page.waitForTimeout(500);
  }
}

/** PNG to WebP, by the browser. */
async function toWebp(browser, png) {
  const page = await browser.newPage();
  const base64 = await page.evaluate(
    async ([source, quality]) => {
      const picture = await createImageBitmap(await (await fetch(source)).blob());
      const canvas = new OffscreenCanvas(picture.width, picture.height);
      canvas.getContext('2d').drawImage(picture, 0, 0);
      const blob = await canvas.convertToBlob({ type: 'image/webp', quality });
      return btoa(
        new Uint8Array(await blob.arrayBuffer()).reduce(
          (text, byte) => text + String.fromCharCode(byte),
          '',
        ),
      );
    },
    [`data:image/png;base64,${png.toString('base64')}`, QUALITY],
  );
  await page.close();
  return Buffer.from(base64, 'base64');
}

async function main(program) {
  const library = new ServedLibrary(resolve(program));
  const { url, close } = await library.serve({
    pictures: ['beach.jpg', 'breakfast.jpg', 'safari.jpg', 'shapes.jpg'],
    settings: (text) =>
      text.slice(0, text.indexOf('[[tier]]\nname = "large"')).replace(/^escalate = .*$/m, ''),
  });
  const browser = await launch();
  const shoot = async (page, name) => {
    await settled(page);
    const webp = await toWebp(browser, await page.screenshot());
    writeFileSync(join(images, `${name}.webp`), webp);
    console.log(`${name}.webp: ${webp.length} bytes`);
  };
  try {
    mkdirSync(images, { recursive: true });
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
    await page.emulateMedia({ reducedMotion: 'reduce' }); // nothing half faded in
    await page.goto(url);
    await described(page, url);
    await page.reload();
    await page.locator('.tile a[href]').first().waitFor();
    await page.goto(`${url}#/photo/1`);
    await page.locator('.tag').first().waitFor();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('a');
    await shoot(page, 'photos-review');
    await page.emulateMedia({ colorScheme: 'dark', reducedMotion: 'reduce' });
    await page.setViewportSize({ width: 390, height: 800 });
    await shoot(page, 'photos-phone');
  } finally {
    await browser.close();
    await close();
  }
}

await main(process.argv[2]);
