// Runs in the window, with nothing but what preload.ts gives it.
const [status, tool, input] = ['#status', '#tool', '#input'].map((id) => document.querySelector(id));
const show = (value) => {
  status.textContent = JSON.stringify(value);
};
/** What goes along with a click. */
const given = { callTool: () => [tool.value, JSON.parse(input.value)] };

async function press(what) {
  try {
    show(await globalThis.acme[what](...(given[what]?.() ?? [])));
  } catch ({ message }) {
    show({ error: { message } });
  }
}

for (const button of document.querySelectorAll('button')) {
  button.addEventListener('click', () => press(button.dataset.do));
}
globalThis.acme.onStatus(show);
globalThis.acme.session().then(show);
