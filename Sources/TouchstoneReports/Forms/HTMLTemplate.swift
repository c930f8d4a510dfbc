/// The page of ``Report/html()``.
let htmlTemplate = Template(
  """
  <!DOCTYPE html>
  <html lang="en">
  <head>
  <meta charset="utf-8"/>
  <meta name="viewport" content="width=device-width, initial-scale=1"/>
  <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'"/>
  <title>{{word}} – touchstone</title>
  <style>
  :root { color-scheme: light dark; --ink: #1b1b1f; --paper: #fff; --line: #d8d8de;
    --good: #1a7f37; --doubt: #9a6700; --bad: #cf222e; --consistent: #dff3e4; --suspect: #ffe08a;
    --fail: #ff9c8a; --proven: #e5484d; }
  @media (prefers-color-scheme: dark) { :root { --ink: #e8e8ec; --paper: #16161a; --line: #3a3a42;
    --good: #57d37a; --doubt: #e3b341; --bad: #ff7b72; --consistent: #173d24; --suspect: #6b5300;
    --fail: #8f3326; --proven: #c4262c; } }
  body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 2rem auto;
    max-width: 75rem; padding: 0 1rem; }
  h1 { font-size: 1.4rem; margin: 0; } h2 { font-size: 1.05rem; margin: 2rem 0 .5rem; }
  .consistent h1 b { color: var(--good); } .inconclusive h1 b { color: var(--doubt); }
  .mismatch h1 b { color: var(--bad); }
  h1 span { font-weight: 400; white-space: pre-wrap; } header p { margin: .2rem 0; }
  .scroll { overflow-x: auto; } table { border-collapse: collapse; font-size: .85rem; }
  th, td { padding: .15rem .5rem; border: 1px solid var(--line); text-align: left; }
  .map td { text-align: right; min-width: 2.6rem; font-variant-numeric: tabular-nums; white-space: nowrap; }
  .map th { font-weight: 500; white-space: nowrap; }
  .map th:first-child { position: sticky; left: 0; background: var(--paper); }
  .dense td, .dense th + th { min-width: .55rem; max-width: .55rem; padding: .1rem 0; text-align: center;
    border-width: 1px 0; font-size: .65rem; overflow: visible; }
  td.consistent { background: var(--consistent); } td.suspect { background: var(--suspect); }
  td.fail { background: var(--fail); font-weight: 600; }
  td.proven { background: var(--proven); color: #fff; font-weight: 600; }
  td.none { background: repeating-linear-gradient(45deg, transparent 0 3px, var(--line) 3px 4px); }
  .shade0 { background: rgb(30 110 220 / 4%); } .shade1 { background: rgb(30 110 220 / 12%); }
  .shade2 { background: rgb(30 110 220 / 22%); } .shade3 { background: rgb(30 110 220 / 34%); }
  .shade4 { background: rgb(30 110 220 / 46%); } .shade5 { background: rgb(30 110 220 / 60%); }
  .shade6 { background: rgb(30 110 220 / 76%); } .shade7 { background: rgb(30 110 220 / 92%); color: #fff; }
  </style>
  </head>
  <body class="{{outcome}}">
  <header>
  <h1><b>{{word}}</b> <span>{{sentence}}</span></h1>
  {{#details}}
  <p>{{detail}}</p>
  {{/details}}
  <p>{{subject}}</p>
  </header>
  {{#hasMaps}}
  <p><small>Green: consistent with rounding. Yellow (S): suspect. Orange (F): beyond what rounding does with any
  likelihood. Red (P): proven, no order of correctly rounded operations gives that number. Hatched: not
  compared.</small></p>
  {{#maps}}
  <h2>{{title}}</h2>
  <div class="scroll"><table class="map{{#isDense}} dense{{/isDense}}">
  <tr><th scope="col">layer</th>{{#columns}}<th scope="col">{{layer}}</th>{{/columns}}</tr>
  {{#rows}}
  <tr><th scope="row">{{point}}</th>{{#cells}}<td class="{{shade}}" title="{{tip}}">{{text}}</td>{{/cells}}</tr>
  {{/rows}}
  </table></div>
  {{/maps}}
  {{/hasMaps}}
  {{#hasTable}}
  <h2>Flagged, and outside the layers</h2>
  <div class="scroll"><table>
  <tr><th>operation</th><th>zone</th><th>introduced</th><th>inherited</th><th>finding</th><th>worst element</th></tr>
  {{#operations}}
  <tr><td>{{path}}</td><td class="{{zoneClass}}">{{zone}}</td><td>{{ratio}}</td><td>{{inherited}}</td><td>{{statement}}</td><td>{{element}}</td></tr>
  {{/operations}}
  </table></div>
  {{/hasTable}}
  {{#hasOmissions}}
  <h2>Not compared ({{omissionCount}})</h2>
  <ul>
  {{#omissions}}
  <li>{{what}}: {{why}}</li>
  {{/omissions}}
  </ul>
  {{/hasOmissions}}
  {{#hasNotes}}
  <h2>Notes</h2>
  <ul>
  {{#notes}}
  <li>{{note}}</li>
  {{/notes}}
  </ul>
  {{/hasNotes}}
  </body>
  </html>

  """, escape: .markup)
