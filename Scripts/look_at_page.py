#!/usr/bin/env python3
"""Looks at pages of `touchstone diff --report` and `verify --report` as a browser shows them.

    pip install playwright axe-playwright-python
    python3 Scripts/look_at_page.py --shots shots page.html pages/index.html

For each page, light and dark, 1,400 and 390 pixels wide: no error on the console, no request but for the page itself, no
scrolling sideways of the whole page, no violation of WCAG 2 A and AA that axe-core finds, contrast included. Then, once: every
panel opens by its cell, the keys and the search do what the page's help says, and without JavaScript the same words are
there. --browser names a Chromium where playwright has not installed one. The exit code is 1 where anything was found.
"""

import argparse
import pathlib
import shutil
import sys

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

# A page of all sizes is drawn on a machine that may have other work: milliseconds.
PATIENCE = 300_000
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}


def watched(page, found):
    page.set_default_timeout(PATIENCE)
    page.on("console", lambda message: found.append(f"console: {message.type}: {message.text}"))
    page.on("pageerror", lambda error: found.append(f"error: {error}"))
    page.on("request", lambda request: request.is_navigation_request() or found.append(f"request: {request.url}"))
    return page


def contrast(results):
    """The least ratio of contrast that axe measured, as far as it says."""
    nodes = [node for rule in results["passes"] if rule["id"] == "color-contrast" for node in rule["nodes"]]
    ratios = [(check.get("data") or {}).get("contrastRatio") for node in nodes for check in node["any"]]
    ratios = [ratio for ratio in ratios if ratio]
    return (min(ratios), len(ratios)) if ratios else (float("nan"), 0)


def audit(page, label, found):
    results = Axe().run(page, options=RULES).response
    for rule in results["violations"]:
        for node in rule["nodes"][:4]:
            data = [check.get("data") for check in node["any"]]
            found.append(f"{label}: {rule['id']}: {node['target']} {data}")
    least, count = contrast(results)
    print(f"  {label}: least contrast of text {least:.2f} over {count} elements")


def shapes(page, label, found):
    """What is drawn, and what marks zones, stands out against what it lies on by 3 to 1 (WCAG 1.4.11)."""
    pairs = page.evaluate(
        """() => {
          const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
          const rgb = (name) => {
            const probe = document.createElement('i');
            probe.style.color = name;
            document.body.append(probe);
            canvas.fillStyle = getComputedStyle(probe).color;
            canvas.fillRect(0, 0, 1, 1);
            probe.remove();
            return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
          };
          const light = (name) => rgb(name).map((c) => c / 255)
            .map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
            .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
          const pairs = [['--bar', '--paper'], ['--over', '--paper'], ['--ink', '--bar'], ['--ink', '--k3'], ['--fail', '--k3'],
            ['--proven', '--k3'], ['--b1', '--k3'], ['--b2', '--k3'], ['--b3', '--k3'], ['--b4', '--k3'], ['--good', '--paper'], ['--bad', '--paper'], ['--doubt', '--paper'], ['--soft', '--card']];
          return pairs.map(([a, b]) => {
            const [x, y] = [light(`var(${a})`), light(`var(${b})`)];
            return [`${a} on ${b}`, (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05)];
          });
        }"""
    )
    least = min(pairs, key=lambda pair: pair[1])
    print(f"  {label}: least contrast of shapes {least[1]:.2f} ({least[0]})")
    found += [f"{label}: {name} has {ratio:.2f} to 1" for name, ratio in pairs if ratio < 3]


def try_keys(page, found):
    """Cells, arrows, search and help."""
    links = page.locator("#map td a[href^='#op-']")
    if links.count() == 0:
        return
    target = links.first.get_attribute("href")
    links.first.click()
    if not page.locator(f"#drawer {target}").is_visible():
        found.append(f"{target} does not open by its cell")
    page.keyboard.press("Escape")
    if page.locator("#drawer").is_visible():
        found.append("Escape does not close what is open")
    if page.evaluate("document.activeElement.getAttribute('href')") != target:
        found.append("closing does not lead back to the cell")
    page.keyboard.press("ArrowDown")
    if page.evaluate("document.activeElement.getAttribute('href')") == target:
        found.append("an arrow does not move in the map")
    page.keyboard.press("Enter")
    if not page.locator("#drawer").is_visible():
        found.append("Enter does not open a cell")
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    if not page.locator("#help").is_visible():
        found.append("? does not show the keys")
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    page.keyboard.type("no such operation")
    if page.locator("#map tbody tr:visible").count() != 0:
        found.append("a search for nothing shows rows")
    page.keyboard.press("Escape")
    if page.locator("#map tbody tr:visible").count() == 0:
        found.append("Escape does not end a search")


def look(browser, path, shots):
    found = []
    url = path.resolve().as_uri()
    print(f"{path}: {path.stat().st_size:,} bytes")
    if path.stat().st_size > 1_000_000:
        found.append("it is larger than 1 MB")
    for scheme in ["light", "dark"]:
        for width, height in [(1400, 900), (390, 844)]:
            label = f"{scheme}, {width} pixels"
            page = watched(browser.new_page(color_scheme=scheme, viewport={"width": width, "height": height}), found)
            page.goto(url)
            if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
                found.append(f"{label}: the whole page scrolls sideways")
            if shots:
                page.screenshot(path=shots / f"{path.stem}-{scheme}-{width}.png")
            for details in page.locator("details").all()[:12]:
                details.evaluate("element => { element.open = true; }")
            link = page.locator("#map td.f a[href^='#op-'], #map td.c a[href^='#op-']")
            if link.count():
                (page.locator("#map td.f a") if page.locator("#map td.f a").count() else link).first.click()
                if shots:
                    page.screenshot(path=shots / f"{path.stem}-{scheme}-{width}-opened.png")
            audit(page, label, found)
            shapes(page, label, found)
            if width > 1000 and page.locator("#q-inherited").count():
                page.locator("#q-inherited").check(force=True)
                audit(page, label + ", inherited", found)
            page.close()
    page = watched(browser.new_page(), found)
    page.goto(url)
    try_keys(page, found)
    words = page.evaluate("document.querySelector('main').textContent")
    page.close()
    context = browser.new_context(java_script_enabled=False)
    page = watched(context.new_page(), found)
    page.goto(url)
    if len(page.locator("main").text_content() or "") < 0.99 * len(words):
        found.append("without JavaScript there is less to read")
    context.close()
    return [f"{path}: {what}" for what in found]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pages", nargs="+", type=pathlib.Path)
    parser.add_argument("--shots", type=pathlib.Path, help="a folder for pictures")
    parser.add_argument("--browser", default=shutil.which("chromium"), help="a Chromium to run")
    arguments = parser.parse_args()
    if arguments.shots:
        arguments.shots.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=arguments.browser, args=["--no-sandbox"])
        found = [what for path in arguments.pages for what in look(browser, path, arguments.shots)]
        browser.close()
    print("\n".join(found) or "nothing was found")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
