# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the page looks: light and dark, printed in light. The colours are Okabe and Ito's, darker for text on white."""

from __future__ import annotations

_LIGHT = """
color-scheme: light; --back: #ffffff; --panel: #f6f7f9; --ink: #1b2026; --quiet: #59636e; --rule: #dde2e8;
--c1: #0072b2; --c2: #b45f00; --c3: #00795a; --c4: #a0507f; --good: #00795a; --bad: #b83a00; --wait: #8a5a00;
"""
_DARK = """
color-scheme: dark; --back: #14181d; --panel: #1c2229; --ink: #e6eaee; --quiet: #9ba6b2; --rule: #333c46;
--c1: #56b4e9; --c2: #f0a830; --c3: #36c99d; --c4: #e39cc6; --good: #36c99d; --bad: #ff8a52; --wait: #f0b83c;
"""

STYLE = (
    f":root {{{_LIGHT}}}\n"
    f"@media screen and (prefers-color-scheme: dark) {{ :root {{{_DARK}}} }}\n"
    """
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--ink); font: 15px/1.5 system-ui, "Segoe UI", sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 32px 24px 64px; }
header { border-top: 5px solid var(--tone); padding-top: 20px; }
.good { --tone: var(--good); } .bad { --tone: var(--bad); } .waiting { --tone: var(--wait); }
.moving { --tone: var(--c1); }
.over { margin: 0; color: var(--quiet); font-size: 13px; }
h1 { margin: 2px 0 14px; font-size: 28px; line-height: 1.2; overflow-wrap: anywhere; }
h2 { margin: 40px 0 10px; font-size: 18px; }
h3 { margin: 26px 0 6px; font-size: 15px; }
.verdict { display: flex; gap: 14px; align-items: baseline; flex-wrap: wrap; margin: 0; font-size: 18px; }
.verdict b { color: var(--back); background: var(--tone); border-radius: 4px; padding: 1px 10px; font-size: 15px; }
.verdict span { flex: 1 1 420px; }
.detail { margin: 8px 0 0; overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: repeat(4, 1fr); gap: 1px; margin: 24px 0 0;
  background: var(--rule); border: 1px solid var(--rule); border-radius: 6px; overflow: hidden; }
dl div { background: var(--panel); padding: 10px 14px; }
dt { color: var(--quiet); font-size: 12px; }
dd { margin: 0; font-weight: 600; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
.key { margin: 0 0 8px; color: var(--quiet); font-size: 13px; }
.key svg { width: 26px; height: 12px; vertical-align: -1px; margin: 0 5px 0 14px; }
.key svg:first-child { margin-left: 0; }
.wide { overflow-x: auto; }
.chart svg { display: block; width: 100%; height: auto; } .chart svg.narrow { display: none; }
.legend { display: flex; flex-wrap: wrap; gap: 2px 18px; margin: 0 0 6px; font-size: 13px; overflow-wrap: anywhere; }
.legend svg { width: 26px; height: 12px; vertical-align: -1px; margin-right: 6px; }
.legend span { color: var(--own); font-weight: 600; }
svg text { font: 12px system-ui, "Segoe UI", sans-serif; fill: var(--ink); font-variant-numeric: tabular-nums; }
svg text.name { font-weight: 600; } svg text.tick { fill: var(--quiet); }
svg path { fill: none; } .rule { stroke: var(--rule); }
.intended { stroke: var(--own, var(--ink)); stroke-width: 1.6; }
.dots { stroke: var(--own, var(--ink)); stroke-width: 7; stroke-linecap: round; } .dots.small { stroke-width: 4.5; }
.cross { stroke: var(--bad); stroke-width: 2; } .ring { stroke: var(--bad); stroke-width: 1.4; }
.curve { stroke-width: 1.8; stroke-linejoin: round; } .point { stroke-width: 5; stroke-linecap: round; }
.c1 { --own: var(--c1); } .c2 { --own: var(--c2); } .c3 { --own: var(--c3); } .c4 { --own: var(--c4); }
.other { --own: var(--quiet); } .curve, .point { stroke: var(--own); }
.c2 .curve, .c2 .intended { stroke-dasharray: 7 3; } .c3 .curve, .c3 .intended { stroke-dasharray: 2 3; }
.c4 .curve, .c4 .intended { stroke-dasharray: 9 3 2 3; }
.other .curve { stroke-width: 1; opacity: .55; }
svg text.label { fill: var(--own); font-weight: 600; } svg text.label.other { font-weight: 400; }
.limit { stroke: var(--bad); stroke-width: 1.4; stroke-dasharray: 5 4; } svg text.limit-text { fill: var(--bad); }
.phase { fill: var(--rule); } .phase.bad { fill: var(--bad); } .phase.good { fill: var(--good); }
.phase.wait { fill: var(--wait); } svg text.in-phase { font-size: 11px; }
svg text.in-phase.bad, svg text.in-phase.good, svg text.in-phase.wait { fill: var(--back); }
.mark { stroke: var(--quiet); stroke-dasharray: 1 3; } .mark.trouble { stroke: var(--bad); }
.badge { fill: var(--back); stroke: var(--quiet); stroke-width: 1.4; } path.badge { fill: var(--back); }
.badge.trouble { stroke: var(--bad); } .badge.gate { stroke: var(--wait); } svg text.number { font-size: 10px; }
svg text.weight { font-size: 10px; fill: var(--quiet); paint-order: stroke; stroke: var(--back); stroke-width: 3; }
.hit { fill: transparent; } .hit:hover { fill: var(--ink); opacity: .1; }
table { border-collapse: collapse; width: 100%; font-size: 13px; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--quiet); padding: 4px 0; }
th, td { padding: 5px 10px 5px 0; border-bottom: 1px solid var(--rule); text-align: left; vertical-align: top; }
thead th { color: var(--quiet); font-weight: 500; white-space: nowrap; background: var(--back); }
.n { text-align: right; white-space: nowrap; } .t { white-space: nowrap; } .say { min-width: 220px; }
.off { color: var(--bad); font-weight: 600; }
.long { max-height: 460px; overflow: auto; } .long thead th { position: sticky; top: 0; }
details { margin: 12px 0; } summary { cursor: pointer; color: var(--quiet); padding: 4px 0; }
ol.events { margin: 0; padding: 0; list-style: none; font-size: 14px; columns: 2; column-gap: 36px; }
ol.events li { break-inside: avoid; display: flex; gap: 10px; padding: 3px 0; overflow-wrap: anywhere; }
ol.events b { flex: 0 0 24px; text-align: right; } ol.events time { color: var(--quiet); white-space: nowrap;
  font-variant-numeric: tabular-nums; }
ol.events .trouble b { color: var(--bad); } ol.events .gate b { color: var(--wait); }
pre { background: var(--panel); border: 1px solid var(--rule); border-radius: 6px; padding: 10px 14px; font-size: 13px;
  white-space: pre-wrap; overflow-wrap: anywhere; }
footer { margin-top: 48px; color: var(--quiet); font-size: 12px; }
@media screen and (max-width: 700px) {
  main { padding: 20px 14px 40px; } h1 { font-size: 23px; } .verdict { font-size: 16px; }
  .verdict span { flex-basis: 100%; } dl { grid-template-columns: 1fr 1fr; } ol.events { columns: 1; }
  .chart svg.wide { display: none; } .chart svg.narrow { display: block; } .long { max-height: none; }
  .grid, .grid tbody, .grid caption { display: block; }
  .grid thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  .grid tr { display: grid; grid-template-columns: repeat(3, 1fr); gap: 4px 12px; padding: 9px 0;
    border-bottom: 1px solid var(--rule); }
  .grid td { display: block; padding: 0; border: 0; text-align: left; white-space: normal; min-width: 0;
    overflow-wrap: anywhere; }
  .grid td::before { content: attr(data-label); display: block; color: var(--quiet); font-size: 11px;
    font-weight: 400; }
  .grid td.say { grid-column: 1 / -1; } .grid td:empty { display: none; }
}
@media print {
  @page { margin: 14mm; }
  body { font-size: 10pt; } main { max-width: none; padding: 0; } h2 { margin-top: 22px; }
  h2, h3, .legend, .key { break-after: avoid; } .chart, dl, tr, li { break-inside: avoid; }
  table { font-size: 8.5pt; } thead { display: table-header-group; } .wide { overflow: visible; }
  .t, .n { white-space: normal; } .say { min-width: 0; } details, .screen { display: none; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
"""
)
