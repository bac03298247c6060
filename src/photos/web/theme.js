// Light, dark, or as the system has it. No module, so that it runs before anything is painted.
(() => {
  const root = document.documentElement;
  const kept = () => localStorage.getItem('saccade-theme') ?? 'system';
  const names = ['system', 'light', 'dark'];

  function apply() {
    if (kept() === 'system') {
      delete root.dataset.theme;
    } else {
      root.dataset.theme = kept();
    }
  }

  /** Goes on to the next of the three, and says which it is. */
  window.nextTheme = () => {
    localStorage.setItem('saccade-theme', names[(names.indexOf(kept()) + 1) % names.length]);
    apply();
    return kept();
  };
  // Another window of the page changed it.
  window.addEventListener('storage', apply);
  apply();
})();
