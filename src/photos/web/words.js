// Numbers, times and names as people read them.

const whole = new Intl.NumberFormat(undefined);
const day = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' });
const minute = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });

export const number = (value) => whole.format(value);

/** "1 photo", "2 photos". */
export const count = (value, noun) => `${number(value)} ${noun}${value === 1 ? '' : 's'}`;

const parsed = (time) => {
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? null : date;
};

/** The day of an ISO 8601 time; what is none is given back. */
export const date = (time) => (time ? (parsed(time) ? day.format(parsed(time)) : time) : '');

export const dateAndTime = (time) =>
  time ? (parsed(time) ? minute.format(parsed(time)) : time) : '';

export const percent = (share) => `${Math.round(share * 100)} %`;

/** "40 ms", "1.3 s", "2 min", "3 h 20 min". */
export function duration(ms) {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const seconds = ms / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 90) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

export function bytes(value) {
  const units = ['bytes', 'KB', 'MB', 'GB'];
  let unit = 0;
  for (; value >= 1000 && unit < units.length - 1; unit++) value /= 1000;
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/** "deep_relationships" → "Deep relationships", "scene.place" → "Scene place". */
export function title(name) {
  const words = name.replaceAll(/[_.]/g, ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** The states of a photo in a tier, and of a tag, in words. */
export const TIER_STATES = {
  blocked: 'waits for another tier',
  waiting: 'waiting',
  running: 'running',
  done: 'done',
  failed: 'failed, will be tried again',
  set_aside: 'failed, set aside',
  shared: 'from its burst',
};
export const TAG_STATES = {
  proposed: 'proposed',
  accepted: 'accepted',
  rejected: 'rejected',
  edited: 'edited',
  added: 'added',
};
