import TouchstoneVerdict

/// The templates of pages; the parts that several have are rendered by themselves and put in whole.
enum PageTemplates {
  /// Everything around the content of any page.
  static let frame = Template(
    """
    <!DOCTYPE html>
    <html lang="en">
    <head>
    <meta charset="utf-8"/>
    <meta name="viewport" content="width=device-width, initial-scale=1"/>
    <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-\(PageScript.digest)'"/>
    <title>{{title}} – touchstone</title>
    <style>
    \(PageStyle.text)
    </style>
    </head>
    <body>
    <svg class="defs" aria-hidden="true"><linearGradient id="by-bound" gradientUnits="userSpaceOnUse" x1="0" y1="0" x2="0" y2="\(SurveyPictures.profileHeight)">
    <stop class="beyond" offset="61.54%"/><stop class="within" offset="61.54%"/></linearGradient></svg>
    <main>
    <div class="tools needs-js"><button id="theme" type="button">Theme</button><button id="keys" type="button">Keys (?)</button></div>
    {{{content}}}
    </main>
    <dialog id="drawer" aria-label="What is open"><div class="head needs-js"><span id="drawer-title"></span><span><button id="drawer-last" type="button">‹ back</button>
    <button id="drawer-next" type="button">on ›</button> <button id="drawer-close" type="button">Close (Esc)</button></span></div></dialog>
    <dialog id="help" aria-labelledby="help-title">
    <h2 id="help-title">Keys</h2>
    <p><kbd>←</kbd> <kbd>→</kbd> <kbd>↑</kbd> <kbd>↓</kbd> move in the map; what is open follows.</p>
    <p><kbd>Enter</kbd> opens a cell, <kbd>Esc</kbd> closes it.</p>
    <p><kbd>n</kbd> and <kbd>p</kbd> go to the next and the last flagged cell.</p>
    <p><kbd>/</kbd> searches, <kbd>?</kbd> shows this.</p>
    <form method="dialog"><button>Close</button></form>
    </dialog>
    <script>\(PageScript.text)</script>
    </body>
    </html>

    """, escape: .markup)

  /// Sentences under a title, those of a long list folded behind the first; nothing where there are none.
  static let list = Template(
    """
    {{#isThere}}
    <section id="{{id}}">
    <h2>{{title}}</h2>
    <ul>
    {{#first}}
    <li>{{.}}</li>
    {{/first}}
    </ul>
    {{#folded}}
    <details class="fold"><summary>{{count}} more</summary>
    <ul>
    {{#sentences}}
    <li>{{.}}</li>
    {{/sentences}}
    </ul></details>
    {{/folded}}
    </section>
    {{/isThere}}
    """, escape: .markup)

  static func list(_ title: String, id: String, _ sentences: [String]) -> String {
    let (first, rest) = folded(sentences)
    return list.render([
      "title": title, "id": id, "isThere": !sentences.isEmpty, "first": first,
      "folded": rest.isEmpty ? [] : [["count": grouped(rest.count), "sentences": rest] as [String: Any]],
    ])
  }

  /// What of a long list is shown at once, and what is folded; of a short one nothing.
  static func folded<Element>(_ elements: [Element]) -> (first: [Element], rest: [Element]) {
    let isLong = elements.count > 12
    let first = isLong ? 8 : elements.count
    return (Array(elements.prefix(first)), Array(elements.dropFirst(first)))
  }

  /// The content of the page of one verdict.
  static let verdict = Template(
    """
    <header class="{{outcome}}">
    <p><span class="word {{outcome}}">{{sign}} {{word}}</span></p>
    <h1>{{sentence}}</h1>
    <p class="soft">{{subject}}</p>
    </header>
    <div class="two">
    {{#hasEvidence}}
    <section class="card" aria-labelledby="why"><h3 id="why">Cause and evidence</h3>
    <ul>
    {{#causes}}
    <li><b>cause: {{text}}</b>{{#isPlaced}}<br/>in {{#places}}<a href="#{{id}}">{{path}}</a> {{/places}}{{more}}{{/isPlaced}}</li>
    {{/causes}}
    {{#evidence}}
    <li>{{.}}</li>
    {{/evidence}}
    </ul>
    </section>
    {{/hasEvidence}}
    <section class="card" aria-labelledby="next"><h3 id="next">What to do next</h3>
    <ul>
    {{#steps}}
    <li>{{.}}</li>
    {{/steps}}
    </ul>
    </section>
    </div>
    {{#hasMap}}
    <h2 id="operations">Operations by layers</h2>
    <div class="bar">
    <fieldset aria-label="What the cells show"><label><input type="radio" name="q" id="q-bound" checked="checked"/>error over its bound</label>{{#hasInherited}}<label><input type="radio" name="q" id="q-inherited"/>inherited error</label>{{/hasInherited}}</fieldset>
    <fieldset aria-label="Which operations are shown"><label><input type="radio" name="f" id="f-all" checked="checked"/>all</label><label><input type="radio" name="f" id="f-flagged"/>flagged ({{flaggedCount}})</label><label><input type="radio" name="f" id="f-compared"/>compared ({{comparedCount}})</label><label><input type="radio" name="f" id="f-left"/>left out ({{omissionCount}})</label></fieldset>
    <label class="needs-js" for="search">search <input type="search" id="search" placeholder="a name or a path"/></label> <span id="found" role="status"></span>
    </div>
    <div class="scroll" tabindex="0" role="region" aria-label="Operations by layers">
    {{{map}}}
    </div>
    <p class="key"><small>A cell is how much of its bound an error takes in the worst element: within it as a share (= exact), beyond it how many times
    (×). <span class="t0">=</span> <span class="t1">to ¼</span> <span class="t2">to ½</span> <span class="t3">to its bound</span>
    <span class="t4">to 16×</span> <span class="t5">to 256×</span> <span class="t6">to 4,096×</span> <span class="t7">more</span>, in maps and
    tokens too. S suspect, F beyond what rounding does with any likelihood, P proven: no order of
    correctly rounded operations gives that number. Hatched: left out. A right sum of two numbers may take all of its bound, which is half a unit in the
    last place. Inherited: the error against the golden, over its largest value.</small></p>
    {{{panels}}}
    {{/hasMap}}
    {{{nextTokens}}}
    {{{leftOut}}}
    {{{notes}}}
    {{{clauses}}}
    {{#hasFiles}}
    <h2 id="files">Where it comes from</h2>
    <div class="two">
    {{#files}}
    <section class="card"><h3>{{title}}</h3>
    <dl>
    {{#facts}}
    <dt>{{label}}</dt><dd>{{text}}</dd>
    {{/facts}}
    </dl></section>
    {{/files}}
    </div>
    {{/hasFiles}}
    {{#command}}
    <h2 id="again">To run it again <button id="copy" class="needs-js" type="button">Copy</button></h2>
    <pre id="command">{{.}}</pre>
    {{/command}}
    """, escape: .markup)

  /// The next tokens side by side.
  static let nextTokens = Template(
    """
    <h2 id="tokens">Next tokens</h2>
    <div class="two">
    {{#positions}}
    <section class="card"><h3>{{title}}</h3>
    <div class="scroll" tabindex="0"><table class="plain"><thead><tr><th scope="col">rank</th><th scope="col">golden</th><th scope="col">probability</th><th scope="col">capture</th><th scope="col">probability</th></tr></thead>
    <tbody>
    {{#rows}}
    <tr><td>{{rank}}</td><td class="mono">{{golden}}</td><td>{{goldenShare}}</td><td class="mono{{#differs}} differs{{/differs}}">{{capture}}</td><td>{{captureShare}}</td></tr>
    {{/rows}}
    </tbody></table></div></section>
    {{/positions}}
    </div>
    """, escape: .markup)

  /// The clauses that the page names.
  static let clauses = Template(
    """
    <h2 id="clauses">The clauses named here</h2>
    <p class="soft">Docs/Specification has each with its formula and its source; <code>touchstone specification --clause ATT-7</code> prints one.</p>
    {{#isLong}}<details class="fold"><summary>All {{count}}</summary>{{/isLong}}
    <div class="scroll" tabindex="0"><table class="plain"><tbody>
    {{#clauses}}
    <tr id="{{id}}"><th scope="row">{{id}}</th><td>{{statement}}</td><td>{{chapter}}</td></tr>
    {{/clauses}}
    </tbody></table></div>
    {{#isLong}}</details>{{/isLong}}
    """, escape: .markup)

  /// The content of the page of a run.
  static let summary = Template(
    """
    <header class="{{outcome}}">
    <p><span class="word {{outcome}}">{{sign}} {{word}}</span></p>
    <h1>{{totals}}</h1>
    {{#common}}
    <p>{{.}}</p>
    {{/common}}
    </header>
    <h2 id="goldens">Goldens, the worst first</h2>
    <div class="scroll" tabindex="0"><table class="plain">
    <thead><tr><th scope="col">verdict</th><th scope="col">golden</th><th scope="col">what was found</th><th scope="col">worst operation</th><th scope="col">seconds</th></tr></thead>
    <tbody>
    {{#rows}}
    <tr><td><span class="word {{class}}">{{sign}} {{word}}</span></td><td>{{#page}}<a href="{{page}}">{{golden}}</a>{{/page}}{{^page}}{{golden}}{{/page}}</td><td>{{#cause}}<b>cause: {{cause}}</b><br/>{{/cause}}{{sentence}}</td><td>{{worst}}</td><td>{{seconds}}</td></tr>
    {{/rows}}
    </tbody></table></div>
    {{{notes}}}
    """, escape: .markup)
}
