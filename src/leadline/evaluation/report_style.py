# SPDX-License-Identifier: Apache-2.0
"""How a report looks: one style sheet, light and dark, no external resource."""

STYLE = """
:root{color-scheme:light dark;--paper:#fbfbf9;--card:#fff;--ink:#1d2327;--soft:#5c6770;--line:#e3e5e2;--accent:#0b6e8a;
--good:#12783f;--c0:#0b6e8a;--c1:#d1602b;--c2:#6a4fb3;--c3:#2f8f4e;--c4:#b23a6b;--c5:#8a6d0b}
@media (prefers-color-scheme:dark){:root{--paper:#14181b;--card:#1c2226;--ink:#e6e9ea;--soft:#9aa6ae;--line:#2e363b;
--accent:#58b8d3;--good:#5cc98a;--c0:#58b8d3;--c1:#f08c5a;--c2:#a894ec;--c3:#6fcf8f;--c4:#ec7fae;--c5:#d8b64a}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);
font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
main{max-width:1120px;margin:0 auto;padding:2.5rem 1.25rem 4rem}
h1{font-size:1.9rem;line-height:1.2;margin:0 0 .4rem;letter-spacing:-.01em}
h2{font-size:1.2rem;margin:2.8rem 0 .9rem;letter-spacing:-.005em}
p{margin:.4rem 0}
.lead{color:var(--soft);max-width:46rem}
.note{color:var(--soft);font-size:.9rem;max-width:52rem}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(190px,1fr));gap:.9rem;margin:1.6rem 0 0}
.card{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:.9rem 1.1rem}
.card .name{color:var(--soft);font-size:.85rem}
.card .value{font-size:1.75rem;font-weight:600;font-variant-numeric:tabular-nums;line-height:1.25}
.card .beside{color:var(--soft);font-size:.85rem;font-variant-numeric:tabular-nums}
.scroll{overflow-x:auto;background:var(--card);border:1px solid var(--line);border-radius:10px}
table{border-collapse:collapse;width:100%;font-size:.93rem}
th,td{padding:.5rem .9rem;text-align:left;border-bottom:1px solid var(--line);vertical-align:top}
tr:last-child>td,tr:last-child>th{border-bottom:0}
thead th{color:var(--soft);font-weight:500;font-size:.85rem;white-space:nowrap}
tbody th{font-weight:500}
td.number,th.number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
td.best{color:var(--good);font-weight:600}
td.wide{overflow-wrap:anywhere}
.meaning{display:block;color:var(--soft);font-size:.82rem;font-weight:400}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,430px),1fr));gap:.9rem}
.charts>figure{margin:0;background:var(--card);border:1px solid var(--line);border-radius:10px;padding:.7rem .8rem .4rem}
svg{display:block;width:100%;height:auto}
svg text{fill:var(--ink);font-family:inherit}
svg .chart-title{font-size:14px;font-weight:600}
svg .tick,svg .axis,svg .legend{font-size:11.5px;fill:var(--soft)}
svg .frame{stroke:var(--soft);fill:none;stroke-width:1}
svg .grid{stroke:var(--line);fill:none;stroke-width:1}
svg .curve{stroke:var(--c);fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}
svg .faint{stroke-width:1;opacity:.45}
svg .dot{fill:var(--c)}
.pictures figure{margin:0 0 1.3rem;background:#fff;border:1px solid var(--line);border-radius:10px;overflow:hidden}
.pictures img{display:block;width:100%;height:auto}
.pictures figcaption{background:var(--card);color:var(--soft);font-size:.88rem;padding:.5rem .9rem;
border-top:1px solid var(--line);overflow-wrap:anywhere}
details{margin:.8rem 0}
summary{cursor:pointer;color:var(--accent)}
pre{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:.9rem 1.1rem;overflow-x:auto;
font:.83rem/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
code{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:.9em;overflow-wrap:anywhere}
@media print{body{background:#fff}.card,.scroll,.charts>figure,.pictures figure{break-inside:avoid}}
"""
