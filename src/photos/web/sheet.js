// Dialogs: help in the middle, filters and progress at the side.

/** Opens a dialog, or closes it when it is open. Focus goes into it, and back when it closes. */
export function toggleSheet(id) {
  const dialog = document.getElementById(id);
  if (dialog.open) {
    dialog.close();
  } else {
    dialog.showModal();
    dialog.dispatchEvent(new Event('opened'));
  }
}

/** Lets dialogs close by their close buttons and by a press beside them. */
export function bindSheets() {
  for (const dialog of document.querySelectorAll('dialog')) {
    dialog.querySelector('.close').addEventListener('click', () => dialog.close());
    dialog.addEventListener('click', (event) => {
      if (event.target === dialog) dialog.close();
    });
  }
}
