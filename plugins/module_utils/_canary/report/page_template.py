# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page as a template of Jinja2, which escapes every value. Even so, nothing could be run or fetched."""

from __future__ import annotations

TEMPLATE = """
{%- macro grid(table) -%}
<table class="grid">
  {%- if table.caption %}<caption>{{ table.caption }}</caption>{% endif -%}
  <thead><tr>
  {%- for look, name in table.heading %}<th scope="col" class="{{ look }}">{{ name }}</th>{% endfor -%}
  </tr></thead><tbody>
  {%- for row in table.rows -%}
    <tr>
    {%- for look, text in row %}<td class="{{ look }}" data-label="{{ table.heading[loop.index0][1] }}">
    {{- text }}</td>{% endfor -%}
    </tr>
{% endfor -%}
</tbody></table>
{%- endmacro -%}

{%- macro legend(key) -%}
<p class="legend">
  {%- for look, names in key -%}
    <span class="{{ look }}"><svg viewBox="0 0 26 12" aria-hidden="true"><path class="curve" d="M1 6H25"/></svg>
    {{- names }}</span>
  {%- endfor -%}
</p>
{%- endmacro -%}

{%- macro wide(table) -%}
<div class="wide">{{ grid(table) }}</div>
{%- endmacro -%}

{%- macro collapsed(summary, table) -%}
<details><summary>{{ summary }}</summary><div class="long" tabindex="0">{{ grid(table) }}</div></details>
{%- endmacro -%}

<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{{ title }}: {{ end.word }}</title>
<style>{{ style }}</style>
</head>
<body>
<main class="{{ end.tone }}">
<header><p class="over">Canary release</p><h1>{{ name }}</h1>
  {#- -#}<p class="verdict"><b>{{ end.word.capitalize() }}</b><span>{{ end.sentence }}</span></p>
  {%- if end.detail %}<p class="detail">{{ end.detail }}</p>{% endif %}
  {%- if facts -%}
    <dl>{% for name, value in facts %}<div><dt>{{ name }}</dt><dd>{{ value }}</dd></div>{% endfor %}</dl>
  {%- endif -%}
</header>
{% if last -%}
{% if last.waiting.what -%}
<section><h2>What it waits for</h2><p>{{ waits_for }}</p>
  {%- if last.waiting.how -%}
    <p>{{ "This lets" if last.waiting.how | length == 1 else "One of these lets" }} it go on
    {{- " (on " ~ last.waiting.where ~ ")" if last.waiting.where }}:</p><pre>
    {%- for command in last.waiting.how %}{{ command }}{% if not loop.last %}
{% endif %}{% endfor %}</pre>
  {%- endif -%}
</section>
{% endif -%}
{% if last.owed -%}
<section><h2>What is owed</h2>{{ wide(owed) }}</section>
{% endif -%}
<section><h2>Weight of the canary</h2><p class="key">
  {%- for words, sample in samples -%}
    <svg viewBox="0 0 26 12" aria-hidden="true">{{ sample }}</svg>{{ words }}
  {%- endfor -%}
</p>{{ legend(weights_key) }}<div class="chart">{{ weights }}</div></section>
<section><h2>What happened</h2><ol class="events">
  {%- for number, kind, time, text in events -%}
    <li class="{{ kind }}"><b>{{ number }}</b><time>{{ time }}</time><span>{{ text }}</span></li>
  {%- endfor -%}
</ol>
  {%- if later_events %}<p>{{ later_events }} later ones are in the table of ticks.</p>{% endif -%}
</section>
<section><h2>Analysis</h2>
  {%- for metric in metrics -%}
    <h3>{{ metric.name }}: {{ metric.limit }}</h3>{{ legend(metric.key) if metric.key }}
    {{- "" }}<div class="chart">{{ metric.drawing }}</div>
    {{- collapsed("The values", metric.values) }}
  {%- else -%}
    <p>No metric was asked for.</p>
  {%- endfor -%}
</section>
<section><h2>Steps</h2>{{ wide(steps) }}</section>
{% if written.rows -%}
<section><h2>What was written</h2>{{ wide(written) }}</section>
{% endif -%}
<section class="screen"><h2>Ticks</h2>{{ collapsed(all_ticks, ticks) }}</section>
{% endif -%}
<footer>Written by onemesh.istio. All times are UTC.</footer>
</main>
</body>
</html>
"""
