/** The look of the page at `/`. */
export const PAGE_STYLE = `
:root {
  color-scheme: light dark;
  --ground: light-dark(#f7f7f5, #15171a);
  --panel: light-dark(#ffffff, #1d2024);
  --line: light-dark(#e4e4df, #2d3137);
  --text: light-dark(#22262b, #e3e5e8);
  --quiet: light-dark(#656b73, #98a0aa);
  --accent: light-dark(#1f6f8b, #6cb8d1);
  --good: light-dark(#2f7d4f, #6fc08e);
  --warn: light-dark(#946200, #d9a94a);
  --bad: light-dark(#b3372f, #ec8378);
}
* { box-sizing: border-box; }
[hidden] { display: none !important; }
body {
  margin: 0; background: var(--ground); color: var(--text);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
  font-variant-numeric: tabular-nums;
}
header, main { max-width: 66rem; margin: 0 auto; padding: 0 1.25rem; }
header { display: flex; align-items: baseline; gap: 1rem; padding-top: 1.5rem; padding-bottom: 1rem; flex-wrap: wrap; }
h1 { font-size: 1.25rem; margin: 0; letter-spacing: -0.01em; }
h2 { font-size: .8125rem; font-weight: 600; color: var(--quiet); margin: 0 0 .5rem; }
nav { margin-left: auto; display: flex; gap: 1rem; }
a { color: var(--accent); text-decoration: none; }
a:hover, a:focus-visible { text-decoration: underline; }
.state { margin: 0; color: var(--quiet); font-size: .8125rem; }
.state::before { content: ""; display: inline-block; width: .5rem; height: .5rem; border-radius: 50%; margin-right: .4rem; background: var(--warn); }
.state[data-state="live"]::before { background: var(--good); }
.state[data-state="lost"]::before { background: var(--bad); }
section, form { background: var(--panel); border: 1px solid var(--line); border-radius: 8px; padding: 1rem 1.25rem; margin-bottom: 1rem; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr)); gap: 1rem; }
.figures h2 { margin: 0; }
.figures p { font-size: 1.75rem; line-height: 1.3; margin: 0; font-weight: 500; letter-spacing: -0.02em; white-space: nowrap; }
.figures i { font-size: .9rem; font-style: normal; color: var(--quiet); margin-left: .15rem; }
small, .since, .calm { color: var(--quiet); font-size: .8125rem; font-weight: 400; }
.calm { margin: 0; }
svg { display: block; width: 100%; height: 1.25rem; }
polyline { fill: none; stroke: var(--accent); stroke-width: 1.5; vector-effect: non-scaling-stroke; }
.statuses { display: flex; flex-wrap: wrap; gap: .25rem 2rem; list-style: none; margin: 0; padding: 0; }
.statuses b { font-weight: 500; font-size: 1.125rem; margin-right: .4rem; }
.statuses span { color: var(--quiet); }
.statuses [data-status="FAILURE"] b:not(.zero) { color: var(--bad); }
.statuses [data-status="SUCCESS"] b:not(.zero) { color: var(--good); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th { text-align: left; font-size: .8125rem; font-weight: 400; color: var(--quiet); padding: 0 1rem .25rem 0; white-space: nowrap; }
td { padding: .35rem 1rem .35rem 0; border-top: 1px solid var(--line); vertical-align: top; }
td:last-child, th:last-child { padding-right: 0; }
.n { text-align: right; }
code { font: .8125rem/1.5 ui-monospace, "SF Mono", Menlo, Consolas, monospace; overflow-wrap: anywhere; }
.time { color: var(--quiet); white-space: nowrap; }
.paused { color: var(--warn); font-size: .8125rem; margin-left: .5rem; }
form div { display: flex; gap: .5rem; margin-top: .5rem; }
input, button { font: inherit; padding: .4rem .7rem; border-radius: 6px; border: 1px solid var(--line); background: var(--ground); color: var(--text); }
input { flex: 1; min-width: 0; }
button { background: var(--accent); border-color: var(--accent); color: var(--panel); }
#refusal { color: var(--bad); margin: .5rem 0 0; min-height: 1.5em; }
`;
