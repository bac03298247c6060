// Made libraries behind the API of `saccade photos serve`.
//
//   node made_server.mjs PHOTOS [PORT]     to look at the page by hand
import { createServer } from 'node:http';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MadeLibrary, Refusal, TIERS } from './made_library.mjs';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const WEB = join(root, 'src/photos/web');
const PICTURES = ['beach', 'breakfast', 'safari', 'shapes'].map((name) =>
  readFileSync(join(root, 'assets/pictures', `${name}.jpg`)),
);
const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};
// As the program has it.
const POLICY =
  "default-src 'self'; img-src 'self' data:; style-src 'self'; frame-ancestors 'none'; " +
  "base-uri 'none'; form-action 'self'";

/** [method, path, answer(library, match, body, query)], the contract of the page. */
const ROUTES = [
  [
    'GET',
    /^\/api\/library$/,
    (library) => ({
      name: 'Made',
      photos: library.photos.size,
      reviewed: 0,
      tiers: TIERS,
      fields: ['entities', 'context', 'mood'],
    }),
  ],
  ['GET', /^\/api\/photos$/, (library, match, body, query) => library.list(query)],
  ['GET', /^\/api\/photos\/(\d+)$/, (library, [, id]) => library.photo(Number(id))],
  ['GET', /^\/api\/photos\/(\d+)\/similar$/, (library, [, id]) => library.similar(Number(id))],
  ['GET', /^\/api\/facets$/, (library) => library.facets()],
  ['GET', /^\/api\/progress$/, (library) => library.progress()],
  ['GET', /^\/api\/errors$/, (library) => library.errors()],
  ['POST', /^\/api\/photos\/(\d+)\/open$/, () => null],
  [
    'POST',
    /^\/api\/photos\/(\d+)\/(?:retry|run)$/,
    (library, [, id], body) => {
      library.retry(Number(id), body.tier);
      return {};
    },
  ],
  [
    'POST',
    /^\/api\/retry$/,
    (library) => {
      const { errors } = library.errors();
      errors.forEach(({ photo, tier }) => library.retry(photo, tier));
      return { jobs: errors.length };
    },
  ],
  ['POST', /^\/api\/actions$/, (library, match, body) => library.act(body)],
  ['POST', /^\/api\/undo$/, (library) => library.undo()],
  ['POST', /^\/api\/redo$/, (library) => library.redo()],
];

async function readBody(request) {
  let text = '';
  for await (const part of request) text += part;
  return text ? JSON.parse(text) : {};
}

async function answer(library, request, response) {
  const url = new URL(request.url, 'http://localhost');
  const path = url.pathname;
  library.requests.push(`${request.method} ${path}`);
  if (path === '/api/photos') library.lastList = Object.fromEntries(url.searchParams);
  if (path === '/api/events') return library.listen(response);
  const picture = /^\/(?:pictures|thumbnails)\/(\d+)/.exec(path);
  if (picture) {
    response.writeHead(200, { 'content-type': 'image/jpeg', 'cache-control': 'max-age=3600' });
    return response.end(PICTURES[Number(picture[1]) % PICTURES.length]);
  }
  const name = path === '/' ? 'index.html' : /^\/assets\/([\w.]+)$/.exec(path)?.[1];
  if (name) {
    response.writeHead(200, {
      'content-type': TYPES[extname(name)],
      'content-security-policy': POLICY,
    });
    return response.end(await readFile(join(WEB, name)));
  }
  if (request.method === 'POST' && request.headers['x-saccade'] !== '1') {
    throw new Refusal(403, 'the header x-saccade is missing');
  }
  for (const [method, pattern, handle] of ROUTES) {
    const match = request.method === method && pattern.exec(path);
    if (!match) continue;
    const body = handle(
      library,
      match,
      method === 'POST' ? await readBody(request) : {},
      url.searchParams,
    );
    response.writeHead(body === null ? 204 : 200, { 'content-type': 'application/json' });
    return response.end(body === null ? undefined : JSON.stringify(body));
  }
  throw new Refusal(404, `nothing is at ${path}`);
}

/** Starts a server for a library on loopback; {url, close}. */
export async function serve(library, port = 0) {
  const server = createServer((request, response) => {
    answer(library, request, response).catch((error) => {
      response.writeHead(error.status ?? 500, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ error: error.message }));
    });
  });
  await new Promise((listening) => {
    server.listen(port, '127.0.0.1', listening);
  });
  return {
    url: `http://127.0.0.1:${server.address().port}/`,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { url } = await serve(
    new MadeLibrary(Number(process.argv[2] ?? 200)),
    Number(process.argv[3] ?? 0),
  );
  console.log(url);
}
