// What cases wait for and say of a page.
import assert from 'node:assert/strict';

/** Waits until `read()` gives `wanted`; says what it gave when it does not in time. */
export async function eventually(read, wanted, timeout_ms = 20000) {
  const end = Date.now() + timeout_ms;
  for (;;) {
    const found = await read();
    try {
      assert.deepEqual(found, wanted);
      return;
    } catch (error) {
      if (Date.now() > end) throw error;
    }
    await new Promise((resolve) => {
      setTimeout(resolve, 30);
    });
  }
}

/** The tags on the page: "dog proposed". */
export const tags = (page) =>
  page
    .locator('.tag')
    .evaluateAll((chips) =>
      chips.map((chip) => `${chip.querySelector('.value').textContent} ${chip.dataset.state}`),
    );

/** What has the focus: its accessible name, its text, or its tag. */
export const focused = (page) =>
  page.evaluate(() => {
    const element = document.activeElement;
    return element.getAttribute('aria-label') ?? element.id ?? element.tagName;
  });

export const focusedTag = (page) =>
  page.evaluate(() => document.activeElement.querySelector?.('.value')?.textContent ?? null);

export const photoName = (page) => page.locator('.photo-name').textContent();
export const position = (page) => page.locator('.position').textContent();
export const photoCount = (page) => page.locator('.count').textContent();

export async function press(page, ...keys) {
  for (const key of keys) await page.keyboard.press(key);
}
