// Runs in the window, with nothing but what preload.ts gives it.
const status = document.querySelector('#status');
const show = (value) => {
  status.textContent = JSON.stringify(value);
};

for (const button of document.querySelectorAll('button')) {
  button.addEventListener('click', () => globalThis.acme[button.dataset.do]().then(show));
}
globalThis.acme.onStatus(show);
globalThis.acme.session().then(show);
