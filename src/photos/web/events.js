// What the program says by itself: server-sent events, for as long as the page is open.

/**
 * Calls `handlers` by name with what came: `photo`, `photos`, `progress`, `action`; and `connected`
 * with false when the connection is lost, with true when it stands (again). The browser reconnects
 * by itself, except after an answer that is no event stream; then we do.
 */
export function listen(handlers) {
  const source = new EventSource('/api/events');
  for (const name of ['photo', 'photos', 'progress', 'action']) {
    source.addEventListener(name, (event) => handlers[name](JSON.parse(event.data)));
  }
  source.addEventListener('open', () => handlers.connected(true));
  source.addEventListener('error', () => {
    handlers.connected(false);
    if (source.readyState === EventSource.CLOSED) setTimeout(() => listen(handlers), 2000);
  });
}
