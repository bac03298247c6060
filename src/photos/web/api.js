// Requests to the program that shows this page.

/** What was answered instead of what was asked: one line, and the HTTP status (0: no answer). */
export class ApiError extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

async function request(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new ApiError('The library does not answer. Is `saccade photos serve` still running?', 0);
  }
  const text = await response.text();
  let body = null;
  try {
    body = text === '' ? null : JSON.parse(text);
  } catch {
    throw new ApiError(
      `The library answered ${path} with something that is not JSON`,
      response.status,
    );
  }
  if (!response.ok) throw new ApiError(body?.error ?? `HTTP ${response.status}`, response.status);
  return body;
}

const get = (path, signal) => request(path, { signal });

/** The header is what a form of another site cannot send. */
const post = (path, body = {}) =>
  request(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-saccade': '1' },
    body: JSON.stringify(body),
  });

const query = (values) => new URLSearchParams(values).toString();

/** What is found goes by how well it fits, all photos by when they were taken. */
const usualOrder = (filters) => (filters.q ? 'relevance' : '-taken');

export const api = {
  library: () => get('/api/library'),
  photos: (offset, limit, filters, signal) =>
    get(`/api/photos?${query({ offset, limit, order: usualOrder(filters), ...filters })}`, signal),
  photo: (id) => get(`/api/photos/${id}`),
  similar: (id) => get(`/api/photos/${id}/similar`),
  open: (id) => post(`/api/photos/${id}/open`),
  retryTier: (id, tier) => post(`/api/photos/${id}/retry`, { tier }),
  runTier: (id, tier) => post(`/api/photos/${id}/run`, { tier }),
  act: (action) => post('/api/actions', action),
  undo: () => post('/api/undo'),
  redo: () => post('/api/redo'),
  facets: () => get('/api/facets'),
  progress: () => get('/api/progress'),
  errors: () => get('/api/errors'),
  retryAll: (tier) => post('/api/retry', tier ? { tier } : {}),
};
