"""The style sheet of report.html: one column, light or dark as the reader's system is, nothing fetched."""

CSS = """
:root {
  color-scheme: light dark;
  --paper: #fbfaf7; --ink: #23262b; --soft: #6a6f78; --rule: #e3e0d8; --card: #ffffff;
  --one: #1f6f78; --two: #c0763a; --three: #8b8f98; --bad: #b23a48; --tint: #1f6f7814;
  --serif: Charter, "Bitstream Charter", "Sitka Text", Cambria, Georgia, serif;
  --sans: system-ui, -apple-system, "Segoe UI", "Helvetica Neue", "Noto Sans", Arial, sans-serif;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #16181c; --ink: #e4e2dc; --soft: #989da6; --rule: #2d3036; --card: #1c1f24;
    --one: #62bcc4; --two: #e0a06a; --three: #7d828c; --bad: #e57f8a; --tint: #62bcc41c;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.6 var(--sans);
  font-variant-numeric: lining-nums tabular-nums; -webkit-text-size-adjust: 100%; }
main { max-width: 760px; margin: 0 auto; padding: 64px 20px 88px; }
h1, h2, h3, .lede, .figure { font-family: var(--serif); font-weight: 600; text-wrap: balance; }
h1 { font-size: 2.15rem; line-height: 1.2; margin: 0 0 .3em; letter-spacing: -.01em; }
h2 { font-size: 1.42rem; line-height: 1.3; margin: 3.4rem 0 .5rem; }
h3 { font-size: 1.02rem; margin: 0 0 .1rem; }
p { margin: .6rem 0; text-wrap: pretty; }
.lede { font-size: 1.16rem; line-height: 1.6; font-weight: 400; margin: 1.1rem 0 0; text-wrap: pretty; }
.kicker, figcaption, .note { color: var(--soft); font-size: .875rem; line-height: 1.5; }
.kicker { letter-spacing: .02em; margin: 0 0 .5rem; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(158px, 1fr)); gap: 0; margin: 2rem 0 0;
  border-top: 1px solid var(--rule); border-bottom: 1px solid var(--rule); }
.figures > div { padding: 16px 16px 14px 0; }
.figures > div + div { padding-left: 16px; border-left: 1px solid var(--rule); }
.figure { font-size: 1.75rem; line-height: 1.15; display: block; }
.figures small { color: var(--soft); font-size: .82rem; line-height: 1.4; display: block; margin-top: 4px; }
figure { margin: 1.2rem 0 1.6rem; } .legend + figure { margin-top: .4rem; }
svg { display: block; width: 100%; height: auto; overflow: visible; }
figcaption { margin-top: .35rem; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(300px, 1fr)); gap: 26px 32px; }
.pair figure { margin: 0; }
details { border-bottom: 1px solid var(--rule); font-size: .92rem; } .pair + details { margin-top: 1.6rem; }
summary { cursor: pointer; padding: 7px 0; color: var(--soft); }
details table { margin: 0 0 .8rem; } details tr:last-child td { border-bottom: 0; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; margin: 1rem 0; }
th, td { padding: 7px 14px 7px 0; text-align: right; border-bottom: 1px solid var(--rule); white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
th:last-child, td:last-child { padding-right: 0; }
.wide + .note { margin-top: -.4rem; } .note + .note { margin-top: -.3rem; }
thead th { color: var(--soft); font-weight: 500; font-size: .82rem; vertical-align: bottom; white-space: normal; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 4px 20px; font-size: .92rem; margin: 1rem 0; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
code { font: .86em ui-monospace, "SF Mono", Menlo, Consolas, monospace; }
.key { display: inline-block; width: .72em; height: .72em; border-radius: 50%; margin-right: .35em; }
.legend { margin: 1.1rem 0 .9rem; font-size: .875rem; } .legend > span { margin-right: 1.4em; white-space: nowrap; }
.key.three { background: var(--three); }
.key.one { background: var(--one); } .key.two { background: var(--two); }
svg text { font: 12.5px var(--sans); fill: var(--ink); font-variant-numeric: tabular-nums; }
svg .tick, svg .axis { fill: var(--soft); font-size: 12px; }
.grid { stroke: var(--rule); stroke-width: 1; }
.curve { fill: none; stroke-width: 2; stroke-linejoin: round; }
.curve.one { stroke: var(--one); stroke-width: 2.6; } .curve.two { stroke: var(--two); }
.curve.three { stroke: var(--three); }
.area { stroke-width: 1.4; stroke-linejoin: round; fill-opacity: .16; }
.area.one { stroke: var(--one); fill: var(--one); } .area.two { stroke: var(--two); fill: var(--two); }
.clean { stroke-width: 1; stroke-dasharray: 2 4; } .clean.one { stroke: var(--one); } .clean.two { stroke: var(--two); }
.dot.one { fill: var(--one); } .dot.two { fill: var(--two); } .dot.bad { fill: var(--bad); }
.whisker { stroke: var(--one); stroke-width: 5; stroke-opacity: .28; stroke-linecap: round; }
.mark { stroke: var(--ink); stroke-width: 1; stroke-dasharray: 3 3; }
.gain { stroke: var(--one); stroke-width: 5; stroke-opacity: .25; }
.loss { stroke: var(--bad); stroke-width: 5; stroke-opacity: .3; }
.guess { stroke: var(--three); stroke-width: 2; }
@media (max-width: 560px) { main { padding-top: 36px; } h1 { font-size: 1.7rem; }
  .figures > div + div { padding-left: 0; border-left: 0; }
  figure { overflow-x: auto; } .legend > span { display: block; }
  main > section > figure > svg { min-width: 560px; } }
@media print { body { background: none; } main { max-width: none; padding: 0; }
  h2, figure, tr { break-inside: avoid; } }
"""
