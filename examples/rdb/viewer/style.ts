/** Served by the parent, as it never changes. */
export const STYLE = `:root {
  color-scheme: light dark;
  --ground: light-dark(#f6f7f9, #14171c);
  --card: light-dark(#ffffff, #1c2028);
  --line: light-dark(#e1e5ea, #2d333d);
  --ink: light-dark(#1b2129, #e4e8ee);
  --soft: light-dark(#626d7a, #96a1af);
  --accent: light-dark(#0b6b5d, #4fd1b8);
  --tint: light-dark(#e5f3f0, #1c3430);
  --bad: light-dark(#a3202a, #ff8f8f);
  --bad-tint: light-dark(#fdeced, #3a2024);
  --mono: ui-monospace, 'SF Mono', 'Cascadia Mono', 'DejaVu Sans Mono', Menlo, monospace;
}
* { box-sizing: border-box; }
body {
  margin: 0; min-height: 100vh; display: flex; flex-direction: column;
  background: var(--ground); color: var(--ink);
  font: 15px/1.5 system-ui, 'Segoe UI', 'Noto Sans', 'DejaVu Sans', sans-serif;
}
a { color: var(--accent); text-decoration: none; }
a:hover { text-decoration: underline; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 4px; }
code { font: 13px var(--mono); }

header {
  display: flex; flex-wrap: wrap; align-items: center; gap: 8px 24px;
  padding: 10px 28px; background: var(--card); border-bottom: 1px solid var(--line);
}
.brand { font: 700 18px var(--mono); color: var(--ink); }
.brand::before { content: ''; display: inline-block; width: 10px; height: 10px; margin-right: 8px; border-radius: 3px; background: var(--accent); }
header nav { display: flex; flex-wrap: wrap; gap: 4px; }
header nav a { padding: 4px 10px; border-radius: 6px; color: var(--soft); }
header nav a:hover { background: var(--ground); color: var(--ink); text-decoration: none; }
header nav [aria-current] { background: var(--tint); color: var(--accent); font-weight: 600; }
.ask { display: flex; align-items: center; gap: 8px; margin-left: auto; flex: 0 1 400px; }
.ask label { font: 600 14px var(--mono); color: var(--soft); }
.ask input { flex: 1; min-width: 120px; font-family: var(--mono); }

main { flex: 1; width: 100%; max-width: 1180px; margin: 0 auto; padding: 24px 28px 40px; }
h1 { margin: 0 0 4px; font-size: 26px; font-weight: 650; letter-spacing: -0.01em; }
h2 { margin: 32px 0 12px; font-size: 17px; font-weight: 650; }
h3 { margin: 0; font-size: 15px; font-weight: 600; }
p { margin: 4px 0; }
.about { margin: 0 0 16px; color: var(--soft); }
.fine { color: var(--soft); font-size: 13px; }
.null { color: var(--soft); }

input, select, button {
  font: inherit; font-size: 14px; padding: 5px 10px; color: inherit;
  background: var(--card); border: 1px solid var(--line); border-radius: 6px;
}
button { background: var(--accent); border-color: var(--accent); color: var(--card); font-weight: 600; cursor: pointer; }
button:hover { filter: brightness(1.1); }

.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(180px, 1fr)); gap: 14px; margin: 16px 0 0; }
.tiles div, .cards li, form.query, .list, .answer, .empty {
  background: var(--card); border: 1px solid var(--line); border-radius: 10px;
}
.tiles div { padding: 14px 18px; }
.tiles dd { margin: 0; font-size: 26px; font-weight: 650; font-variant-numeric: tabular-nums; letter-spacing: -0.02em; }
.tiles dt { color: var(--soft); font-size: 13px; }
.cards { list-style: none; margin: 0; padding: 0; display: grid; grid-template-columns: repeat(auto-fill, minmax(270px, 1fr)); gap: 14px; }
.cards li { padding: 12px 16px; }
.badge { float: right; padding: 1px 9px; border-radius: 99px; background: var(--tint); color: var(--accent); font-size: 13px; font-variant-numeric: tabular-nums; }

.controls { display: flex; flex-wrap: wrap; align-items: center; gap: 10px 20px; margin: 0 0 12px; }
.controls form { display: flex; align-items: center; gap: 8px; margin-left: auto; color: var(--soft); }
.pager { display: flex; flex-wrap: wrap; align-items: center; gap: 4px; }
.pager a, .pager .off { padding: 5px 11px; border: 1px solid var(--line); border-radius: 6px; background: var(--card); font-size: 14px; }
.pager a:hover { background: var(--tint); text-decoration: none; }
.pager .off { color: var(--soft); opacity: 0.5; }
.pager .range { padding: 0 10px; color: var(--soft); font-variant-numeric: tabular-nums; }
main > .pager { margin-top: 12px; }

.scroll { overflow-x: auto; background: var(--card); border: 1px solid var(--line); border-radius: 10px; }
table { width: 100%; border-collapse: collapse; font-size: 14px; font-variant-numeric: tabular-nums; }
th, td { padding: 6px 16px; text-align: left; white-space: nowrap; border-bottom: 1px solid var(--line); }
th { padding-block: 9px; font-size: 13px; font-weight: 600; color: var(--soft); }
th a { color: inherit; }
tbody tr:last-child td { border-bottom: 0; }
tbody tr:hover td { background: var(--tint); }
td.symbol { font: 13px var(--mono); }
td.text { white-space: normal; overflow-wrap: anywhere; min-width: 180px; }
.long, .float { text-align: right; }
.empty { padding: 28px; text-align: center; color: var(--soft); }

.columns { display: grid; grid-template-columns: 160px minmax(0, 1fr); gap: 20px; margin-top: 16px; align-items: start; }
.list { padding: 8px; }
.list ul { list-style: none; margin: 0; padding: 0; }
.list a { display: block; padding: 5px 10px; border-radius: 6px; font: 13px/1.5 var(--mono); }
.list a:hover { background: var(--ground); text-decoration: none; }
.list [aria-current] { background: var(--tint); font-weight: 700; }
form.query { padding: 14px 18px 18px; margin-bottom: 16px; }
form.query p { margin: 0 0 12px; color: var(--soft); }
form.query p code { color: var(--ink); margin-right: 8px; }
form.query label { display: grid; grid-template-columns: 90px minmax(0, 240px) 1fr; gap: 12px; align-items: center; margin-bottom: 8px; }
form.query label span { font: 13px var(--mono); }
form.query small { color: var(--soft); }
form.query button { margin-top: 4px; }
.answer { padding: 12px 18px 18px; }
.answer .fine { margin: 0 0 8px; }
.value { font-size: 26px; font-weight: 650; font-variant-numeric: tabular-nums; }
.pairs { margin: 0; }
.pairs div { display: grid; grid-template-columns: 120px 1fr; padding: 5px 0; border-bottom: 1px solid var(--line); }
.pairs div:last-child { border-bottom: 0; }
.pairs dt { font: 13px/1.7 var(--mono); color: var(--soft); }
.pairs dd { margin: 0; font-variant-numeric: tabular-nums; }
.error { padding: 12px 18px; border-radius: 10px; background: var(--bad-tint); color: var(--bad); overflow-wrap: anywhere; }

footer {
  display: flex; flex-wrap: wrap; gap: 4px 28px; padding: 10px 28px;
  border-top: 1px solid var(--line); background: var(--card); color: var(--soft); font-size: 13px;
  position: sticky; bottom: 0;
}
footer b, footer time { color: var(--ink); font-weight: 600; font-variant-numeric: tabular-nums; }

@media (max-width: 700px) {
  header, main, footer { padding-left: 14px; padding-right: 14px; }
  .ask { margin-left: 0; flex: 1 1 100%; }
  .columns { grid-template-columns: minmax(0, 1fr); }
  .list ul { display: flex; flex-wrap: wrap; }
  form.query label { grid-template-columns: 1fr; gap: 2px; }
}
`

export const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="11" height="11" rx="3" fill="#4fd1b8"/><rect x="5" y="5" width="11" height="11" rx="3" fill="#0b6b5d"/></svg>
`
