// Runs all cases that a script beside it exports, each with a library, a server and a window of
// its own:
//
//   node run.mjs deck.mjs [CASE]
//
// Cases with `served` use the program that SACCADE_PROGRAM names, the others a library in memory.
// A case fails by throwing, and also when the page logged an error, broke its content security
// policy or asked another host for something.
import { fileURLToPath } from 'node:url';
import { MadeLibrary } from './made_library.mjs';
import { serve } from './made_server.mjs';
import { ServedLibrary } from './served_library.mjs';

const packages = new URL('../../../build/clients/node_modules/', import.meta.url);
const { chromium } = await import(new URL('playwright-core/index.mjs', packages));

/** The browser of the system; its sandbox needs a user other than root. */
export function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: process.getuid() === 0 ? ['--no-sandbox'] : [],
  });
}

/** Collects what a page must not do. */
export function watch(page, url) {
  const wrongs = [];
  page.on('pageerror', (error) => wrongs.push(`error: ${error.stack}`));
  page.on('console', (message) => {
    // A refusal that a case provokes is logged by the browser as well.
    const provoked = message.text().startsWith('Failed to load resource');
    if (message.type() === 'error' && !provoked) wrongs.push(`console: ${message.text()}`);
  });
  page.on('request', (request) => {
    if (!request.url().startsWith(url) && !request.url().startsWith('data:')) {
      wrongs.push(`request to ${request.url()}`);
    }
  });
  return wrongs;
}

async function runCase(browser, test) {
  const library = test.served
    ? new ServedLibrary(process.env.SACCADE_PROGRAM)
    : new MadeLibrary(test.photos ?? 60);
  const server = test.served ? await library.serve(test.served) : await serve(library);
  const context = await browser.newContext({
    viewport: { width: 1280, height: 800 },
    locale: 'en-GB',
    ...test.window,
  });
  const wrongs = [];
  const open = async (address = '') => {
    const page = await context.newPage();
    page.setDefaultTimeout(30000);
    wrongs.push(watch(page, server.url));
    await page.goto(server.url + address);
    await page.waitForSelector('html[data-ready]');
    return page;
  };
  try {
    const page = await open(test.address);
    await test({ page, library, open, context, url: server.url });
    if (wrongs.flat().length > 0) throw new Error(wrongs.flat().join('\n'));
  } finally {
    await context.close();
    await server.close();
  }
}

async function main([script, only]) {
  const cases = Object.entries(await import(new URL(script, import.meta.url))).filter(
    ([name]) => !only || name === only,
  );
  const browser = await launch();
  let failed = 0;
  for (const [name, test] of cases) {
    try {
      await runCase(browser, test);
      console.log(`ok      ${name}`);
    } catch (error) {
      failed++;
      console.log(`FAILED  ${name}\n${error.stack}`);
    }
  }
  await browser.close();
  console.log(`${cases.length - failed} of ${cases.length} cases of ${script} passed`);
  process.exitCode = failed > 0 || cases.length === 0 ? 1 : 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(process.argv.slice(2));
