/** The one style sheet of the callback pages. Its hash stands in the Content-Security-Policy, so it must not vary. */
export const PAGE_STYLE = `
:root {
  color-scheme: light dark;
  --ground: #f4f5f7; --card: #ffffff; --edge: #e1e4ea; --text: #1b1f27; --soft: #475160;
  --success: #12733f; --success-ground: #e2f4e9;
  --failure: #b3261e; --failure-ground: #fbe8e6;
  --neutral: #3556a8; --neutral-ground: #e7edfa;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #111318; --card: #1a1d24; --edge: #2b303a; --text: #eceef2; --soft: #a4adbb;
    --success: #6fdc9d; --success-ground: #173526;
    --failure: #ff9d94; --failure-ground: #431f1d;
    --neutral: #a5bfff; --neutral-ground: #20294a;
  }
}
* { box-sizing: border-box; margin: 0; }
html { height: 100%; -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body {
  min-height: 100%; display: grid; place-items: center; padding: 1.5rem;
  background: var(--ground); color: var(--text);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Helvetica Neue", Arial, sans-serif;
}
main {
  width: 100%; max-width: 27rem; padding: 2.5rem 2.25rem 2.25rem; text-align: center;
  background: var(--card); border: 1px solid var(--edge); border-radius: 1rem;
  box-shadow: 0 1px 2px rgb(0 0 0 / .04), 0 12px 32px -12px rgb(0 0 0 / .12);
  overflow-wrap: anywhere;
}
svg { display: block; width: 4rem; height: 4rem; margin: 0 auto 1.5rem; border-radius: 50%; padding: 1rem; }
svg path { fill: none; stroke: currentColor; stroke-width: 2.5; stroke-linecap: round; stroke-linejoin: round; }
.success svg { color: var(--success); background: var(--success-ground); }
.failure svg { color: var(--failure); background: var(--failure-ground); }
.neutral svg { color: var(--neutral); background: var(--neutral-ground); }
h1 { font-size: 1.5rem; line-height: 1.25; font-weight: 650; letter-spacing: -.012em; text-wrap: balance; }
p { margin-top: .75rem; color: var(--soft); text-wrap: balance; }
.whole { white-space: nowrap; }
strong { color: var(--text); font-weight: 600; }
.detail {
  margin-top: 1.25rem; padding: .75rem 1rem; text-align: start; text-wrap: pretty; font-size: .9375rem;
  color: var(--text); background: var(--ground); border: 1px solid var(--edge); border-radius: .625rem;
}
.close { margin-top: 1.5rem; padding-top: 1.25rem; border-top: 1px solid var(--edge); font-size: .9375rem; }
@media (forced-colors: active) { svg { border: 1px solid; } }
@media (max-width: 26rem) { body { padding: 1rem; } main { padding: 2rem 1.375rem 1.625rem; } }
`;
