/// How every page looks: one style for light and dark, wide and narrow, screen and paper.
///
/// Colours come in pairs, for light and for dark; Scripts/look_at_page.py holds each text to the contrast of WCAG AA in both.
enum PageStyle {
  static let text = """
    :root { color-scheme: light dark;
      --paper: light-dark(#ffffff, #111318); --card: light-dark(#f5f6f8, #1a1d24); --ink: light-dark(#15181e, #e8eaf0);
      --soft: light-dark(#4f5665, #aab1c0); --line: light-dark(#d3d7df, #363b47); --link: light-dark(#0b4fc4, #8ab4ff);
      --good: light-dark(#11642c, #6bd58a); --doubt: light-dark(#7a4a00, #f0bd55); --bad: light-dark(#b3151f, #ff8a80);
      --k0: light-dark(#f1f8f3, #142019); --k1: light-dark(#e2f2e6, #17301f); --k2: light-dark(#cdead5, #1b3f27);
      --k3: light-dark(#b2dfbf, #205232); --suspect: light-dark(#ffd966, #6e5300); --fail: light-dark(#c2410c, #ffa15e);
      --proven: light-dark(#99121c, #ff7c74); --flag: light-dark(#ffffff, #15181e); --bar: light-dark(#2b6cb8, #4a7ab8);
      --over: light-dark(#c2202a, #ff7b72);
      --name: min(11rem, 36vw);
      --b1: light-dark(#c2410c, #ffb27d); --b2: light-dark(#b5172f, #ff8a80); --b3: light-dark(#7d0f4f, #ff9fd6); --b4: light-dark(#3b0764, #e4c1ff); }
    :root[data-theme=light] { color-scheme: light; } :root[data-theme=dark] { color-scheme: dark; }
    * { box-sizing: border-box; }
    body { margin: 0; font: 15px/1.55 system-ui, sans-serif; color: var(--ink); background: var(--paper); }
    main { max-width: 88rem; margin: 0 auto; padding: 1rem clamp(.75rem, 2.5vw, 2.5rem) 4rem; }
    h1 { font-size: 1.35rem; line-height: 1.35; margin: .4rem 0; font-weight: 500; overflow-wrap: anywhere; white-space: pre-wrap; }
    h2 { font-size: 1.1rem; margin: 2.2rem 0 .6rem; } h3 { font-size: .95rem; margin: .2rem 0 .5rem; }
    h4 { font-size: .85rem; margin: 1.1rem 0 .2rem; color: var(--soft); font-weight: 600; }
    p, ul { margin: .35rem 0; overflow-wrap: anywhere; } a { color: var(--link); } ul { padding-left: 1.2rem; }
    code, pre, #map td, .el td, .mono { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; font-size: .86em; }
    small, .soft { color: var(--soft); } b { font-weight: 650; }
    .word { display: inline-block; white-space: nowrap; padding: .1rem .7rem; border-radius: 99px; font-weight: 700; letter-spacing: .03em;
      border: 2px solid currentColor; font-size: .95rem; }
    .word.consistent { color: var(--good); } .word.inconclusive, .word.unsupported { color: var(--doubt); }
    .word.mismatch, .word.refused { color: var(--bad); }
    header { border-left: 6px solid var(--line); padding: .2rem 0 .2rem 1rem; margin-top: .5rem; }
    header.consistent { border-color: var(--good); } header.inconclusive { border-color: var(--doubt); }
    header.mismatch { border-color: var(--bad); }
    .tools { float: right; display: flex; gap: .4rem; }
    button { font: inherit; font-size: .85rem; color: var(--ink); background: var(--card); border: 1px solid var(--soft);
      border-radius: 6px; padding: .2rem .6rem; cursor: pointer; }
    :is(a, button, input, summary, .scroll, label:has(input)):is(:focus-visible, :has(:focus-visible)) { outline: 3px solid var(--link);
      outline-offset: 1px; border-radius: 4px; }
    .two { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); gap: 1rem; margin-top: 1rem; }
    .two > * { min-width: 0; }
    .card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: .8rem 1rem; }
    .card dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem .8rem; margin: 0; }
    dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
    .bar { display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: center; margin: .5rem 0; }
    .bar fieldset { border: 0; padding: 0; margin: 0; display: flex; flex-wrap: wrap; gap: .3rem; }
    .bar fieldset label { border: 1px solid var(--soft); border-radius: 99px; padding: .1rem .7rem; font-size: .85rem; cursor: pointer; }
    .bar label:has(:checked) { background: var(--link); border-color: var(--link); color: var(--paper); font-weight: 600; }
    .bar input[type=radio] { position: absolute; opacity: 0; width: 1px; height: 1px; }
    .bar input[type=search] { font: inherit; font-size: .85rem; padding: .2rem .6rem; border: 1px solid var(--soft); border-radius: 6px;
      color: var(--ink); background: var(--paper); width: 14rem; }
    html:not(.js) .needs-js { display: none; }
    .scroll { overflow-x: auto; max-width: 100%; } .scroll:has(#map) { scroll-padding-left: calc(var(--name) + 4rem); }
    table { border-collapse: separate; border-spacing: 0; font-size: .82rem; }
    #map th, #map td { white-space: nowrap; padding: 0; border-bottom: 2px solid var(--paper); border-right: 2px solid var(--paper); }
    #map th[scope=row], #map thead th:first-child { position: sticky; left: 0; z-index: 1; background: var(--paper); text-align: left;
      padding: .1rem .6rem .1rem 0; font-weight: 500; width: var(--name); min-width: var(--name); max-width: var(--name); overflow: hidden;
      text-overflow: ellipsis; }
    #map thead th:nth-child(2), #map td:nth-child(2) { position: sticky; left: var(--name); z-index: 1; background: var(--paper);
      border-right: 2px solid var(--soft); }
    #map thead th { color: var(--soft); font-weight: 500; font-size: .75rem; padding: 0 .3rem; }
    #map td { min-width: 2.9rem; height: 1.6rem; text-align: center; font-size: .74rem; }
    #map td a, #map td > b { display: block; line-height: 1.6rem; padding: 0 .3rem; color: var(--ink); text-decoration: none; font-weight: inherit; }
    #map td a:hover { text-decoration: underline; } #map td a:focus-visible { outline-offset: -2px; }
    #map td.k0 { background: var(--k0); } #map td.k1 { background: var(--k1); } #map td.k2 { background: var(--k2); }
    #map td.k3 { background: var(--k3); } #map td.f { font-weight: 700; box-shadow: inset 0 0 0 2px var(--ink); }
    .suspect, #map td.suspect { background: var(--suspect); } .fail, #map td.fail { background: var(--fail); }
    .proven, #map td.proven { background: var(--proven); }
    #map td:is(.fail, .proven) :is(a, b), .z:is(.fail, .proven) { color: var(--flag); }
    #map td.n { background: repeating-linear-gradient(45deg, var(--paper) 0 4px, var(--line) 4px 5px); }
    #map i { display: none; font-style: normal; }
    body:has(#q-inherited:checked) #map td:is(.c, .f) :is(a, b) { font-size: 0; }
    body:has(#q-inherited:checked) #map td i { display: inline; font-size: .74rem; }
    body:has(#q-inherited:checked) #map td.c, body:has(#q-inherited:checked) #map td.f { background:
      color-mix(in oklab, var(--bar) calc(var(--h) * 1%), var(--paper)); }
    body:has(#q-inherited:checked) #map td.f :is(a, b) { color: var(--ink); }
    .h0 { --h: 3 } .h1 { --h: 7 } .h2 { --h: 12 } .h3 { --h: 17 } .h4 { --h: 22 } .h5 { --h: 27 } .h6 { --h: 32 } .h7 { --h: 37 }
    body:has(#f-flagged:checked) :is(#map tr:not(.has-f, :has(thead, [scope=col])), details.op.c, #left-out),
    body:has(#f-compared:checked) :is(#map tbody tr:not(.has-c), #left-out),
    body:has(#f-left:checked) :is(#map tbody tr:not(.has-n), details.op, #rest, #flagged-rest) { display: none; }
    body:has(#f-flagged:checked) #map td:not(.f) :is(a, b), body:has(#f-left:checked) #map td:not(.n) :is(a, b) { visibility: hidden; }
    [hidden] { display: none !important; }
    details { border: 1px solid var(--line); border-radius: 8px; margin: .3rem 0; background: var(--card); }
    details > details, #rest details { background: var(--paper); } :is(#rest, .fold) > :not(summary) { margin: .3rem .6rem; }
    summary { cursor: pointer; padding: .35rem .7rem; overflow-wrap: anywhere; }
    .panel { padding: 0 .9rem .8rem; } .panel .say { font-size: 1rem; }
    .z { font-size: .7rem; font-weight: 700; border: 1px solid var(--soft); border-radius: 4px; padding: .05rem .35rem; }
    .defs { position: absolute; width: 0; height: 0; border: 0; }
    svg:not(.defs) { display: block; width: 100%; max-width: 40rem; background: var(--paper); border: 1px solid var(--line); }
    svg.hg { height: 6.5rem; } svg.pf { height: 4rem; } svg.mp { height: auto; min-height: 5rem; max-height: 26rem; shape-rendering: crispEdges; }
    svg .bar { fill: var(--bar); } svg .fill { fill: url(#by-bound); } .within { stop-color: var(--bar); } .beyond { stop-color: var(--over); } svg .over { fill: var(--over); }
    svg .limit { stroke: var(--ink); stroke-width: 1.5; vector-effect: non-scaling-stroke; stroke-dasharray: 4 3; fill: none; }
    .m0, .t0 { --m: var(--k0) } .m1, .t1 { --m: var(--k1) } .m2, .t2 { --m: var(--k2) } .m3, .t3 { --m: var(--k3) }
    .m4, .t4 { --m: var(--b1) } .m5, .t5 { --m: var(--b2) } .m6, .t6 { --m: var(--b3) } .m7, .t7 { --m: var(--b4) }
    svg [class^=m] { fill: var(--m); }
    .tokens { line-height: 2; } .tokens span, .key span { background: var(--m); padding: .1rem .2rem; margin: 0 1px; border-radius: 3px;
      font-family: ui-monospace, monospace; font-size: .85rem; white-space: pre-wrap; }
    .key span { color: var(--ink); } :is(.tokens, .key) :is(.t4, .t5, .t6, .t7) { color: var(--flag); font-weight: 700; }
    .tokens .tn { color: var(--soft); }
    .ax { position: relative; display: flex; gap: 1rem; max-width: 40rem; font-size: .72rem; color: var(--soft); margin: 0; }
    .ax span:nth-child(3) { position: absolute; left: 40.74%; transform: translateX(-50%); } .ax span:last-child { margin-left: auto; }
    .el, .plain { width: 100%; } .el th, .el td, .plain th, .plain td { text-align: left; padding: .15rem .6rem .15rem 0;
      border-bottom: 1px solid var(--line); vertical-align: top; } .el th[scope=row] { font-weight: 400; white-space: nowrap; }
    .el .w { font-weight: 700; } .el .w th { font-weight: 700; } .el tbody + tbody tr:first-child > * { border-top: 2px solid var(--soft); }
    .plain td { font-variant-numeric: tabular-nums; } .plain .differs { font-weight: 700; text-decoration: underline; }
    .plain td { overflow-wrap: anywhere; }
    pre { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: .6rem .8rem; overflow-x: auto; white-space: pre-wrap;
      overflow-wrap: anywhere; margin: .4rem 0; }
    dialog { color: var(--ink); background: var(--card); border: 1px solid var(--soft); border-radius: 12px 0 0 12px; padding: 0; margin: 0;
      position: fixed; inset: 0 0 0 auto; width: min(44rem, 47vw); height: 100dvh; max-height: none; max-width: none; overflow: auto;
      box-shadow: 0 0 2rem rgb(0 0 0 / 30%); z-index: 5; }
    dialog .head { position: sticky; top: 0; background: var(--card); border-bottom: 1px solid var(--line); padding: .5rem .9rem; display: flex;
      flex-wrap: wrap; gap: .5rem; align-items: center; z-index: 2; } dialog .head > span:first-child { flex: 1 1 12rem; overflow-wrap: anywhere; }
    dialog#drawer > .panel { padding-top: .6rem; } dialog#help { inset: 0; margin: auto; width: min(34rem, 94vw); height: fit-content; border-radius: 12px; padding: 1rem 1.2rem; }
    kbd { border: 1px solid var(--soft); border-radius: 4px; padding: 0 .35rem; font-size: .8rem; background: var(--paper); }
    @media (max-width: 60rem) { dialog#drawer { width: 100vw; border-radius: 0; } .tools { float: none; justify-content: flex-end; }
      h1 { font-size: 1.15rem; } .card dl { grid-template-columns: 1fr; } dd { margin-bottom: .3rem; } }
    @media (min-width: 60.01rem) { body:has(#drawer[open]) main { margin-right: min(44rem, 47vw); } }
    @media print { .tools, .bar, dialog { display: none !important; } details, .card { break-inside: avoid; } main { max-width: none; padding: 0; }
      :root { color-scheme: light; } .scroll { overflow: visible; } * { print-color-adjust: exact; } }
    """
}
