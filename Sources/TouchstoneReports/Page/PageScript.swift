/// What a page does besides being read: opens operations beside the map, searches, answers keys, copies the command.
///
/// Everything can be read without it. The page's policy lets this text run and no other, by its digest.
enum PageScript {
  /// The SHA-256 of ``text`` in base 64, as a Content-Security-Policy names it; a test holds it to the text.
  static let digest = "FRXAPyxs3OkqziJH80U+/mXlzMmJl3O+z3NZJLvctjs="

  static let text = #"""
    /*<![CDATA[*/
    (() => {
      'use strict';
      const root = document.documentElement, find = (s) => document.querySelector(s);
      const all = (s) => [...document.querySelectorAll(s)];
      root.classList.add('js');

      const themes = ['auto', 'light', 'dark'], theme = find('#theme');
      const paint = (name) => {
        if (name === 'auto') delete root.dataset.theme; else root.dataset.theme = name;
        theme.textContent = 'Theme: ' + name;
        theme.value = name;
      };
      let saved = 'auto';
      try { saved = localStorage.getItem('touchstone-theme') || 'auto'; } catch { /* not from a file */ }
      paint(themes.includes(saved) ? saved : 'auto');
      theme.addEventListener('click', () => {
        const next = themes[(themes.indexOf(theme.value) + 1) % themes.length];
        paint(next);
        try { localStorage.setItem('touchstone-theme', next); } catch { /* not from a file */ }
      });

      const help = find('#help');
      find('#keys')?.addEventListener('click', () => help.showModal());

      find('#copy')?.addEventListener('click', async (event) => {
        const text = find('#command').textContent, button = event.currentTarget;
        try {
          await navigator.clipboard.writeText(text);
        } catch {
          getSelection().selectAllChildren(find('#command'));
          document.execCommand('copy');
        }
        button.textContent = 'Copied';
      });

      const drawer = find('#drawer'), order = all('.panel').map((panel) => panel.id);
      let shown, home, opener;
      const putBack = () => { if (shown) home.append(shown); shown = undefined; };
      const cellOf = (id) => find('#map a[href="#' + id + '"]');
      const open = (id) => {
        const panel = document.getElementById(id);
        if (!drawer || !panel) return;
        putBack();
        [shown, home] = [panel, panel.parentNode];
        const title = [...home.querySelector('summary').childNodes].map((node) => node.cloneNode(true));
        find('#drawer-title').replaceChildren(...title);
        drawer.append(panel);
        if (!drawer.open) drawer.show();
        drawer.scrollTop = 0;
        history.replaceState(null, '', '#' + id);
      };
      const close = () => {
        if (!drawer?.open) return;
        const id = shown?.id;
        putBack();
        drawer.close();
        history.replaceState(null, '', '#');
        (opener?.isConnected ? opener : cellOf(id))?.focus();
      };
      const step = (by) => {
        const place = order.indexOf(shown?.id) + by;
        if (order[place]) { open(order[place]); opener = cellOf(order[place]) || opener; }
      };
      find('#drawer-close')?.addEventListener('click', close);
      find('#drawer-next')?.addEventListener('click', () => step(1));
      find('#drawer-last')?.addEventListener('click', () => step(-1));
      document.addEventListener('click', (event) => {
        const link = event.target.closest('a[href^="#"]');
        if (!link) return;
        const id = link.getAttribute('href').slice(1), cell = cellOf(id);
        if (!order.includes(id)) {
          // What is folded opens for whoever is sent there.
          for (let at = document.getElementById(id); at; at = at.parentElement) if (at.matches('details')) at.open = true;
          return;
        }
        event.preventDefault();
        opener = cell || link;
        if (link !== cell) cell?.scrollIntoView({ block: 'center', inline: 'nearest' });
        open(id);
        find('#drawer-close').focus({ preventScroll: true });
      });
      if (order.includes(location.hash.slice(1))) open(location.hash.slice(1));

      // One cell is in the order of tabs; arrows lead to the others.
      const rows = all('#map tbody tr').map((row) => [...row.cells].slice(1).map((cell) => cell.querySelector('a')));
      const links = rows.flat().filter(Boolean);
      const current = (link) => {
        for (const other of links) other.tabIndex = other === link ? 0 : -1;
      };
      if (links.length) current(find('#map td.f a') || links[0]);
      const move = (link, down, right) => {
        let row = rows.findIndex((cells) => cells.includes(link)), column = rows[row].indexOf(link);
        for (;;) {
          row += down;
          column += right;
          if (!rows[row] || column === rows[row].length || column === -1) return;
          const tr = all('#map tbody tr')[row];
          // What stands once is reached from any layer.
          const next = rows[row][column] || (down && rows[row].find(Boolean));
          if (next && tr.offsetParent && getComputedStyle(next).visibility === 'visible') {
            current(next);
            next.focus();
            opener = next;
            const id = next.getAttribute('href').slice(1);
            if (drawer.open && order.includes(id)) open(id);
            return;
          }
        }
      };
      const flagged = (by) => {
        const cells = all('#map td.f a');
        const at = cells.indexOf(document.activeElement);
        const next = cells[at === -1 ? 0 : (at + by + cells.length) % cells.length];
        if (next) { current(next); next.focus(); if (drawer.open) open(next.getAttribute('href').slice(1)); }
      };

      const search = find('#search'), said = find('#found');
      search?.addEventListener('input', () => {
        const word = search.value.trim().toLowerCase();
        let count = 0;
        for (const panel of all('details.op')) {
          panel.hidden = !panel.querySelector('summary').textContent.toLowerCase().includes(word);
        }
        for (const row of all('#map tbody tr')) {
          const name = row.cells[0].textContent.toLowerCase();
          const paths = [...row.querySelectorAll('a')].map((link) => link.title.toLowerCase());
          row.hidden = !name.includes(word) && !paths.some((path) => path.includes(word));
          count += row.hidden ? 0 : 1;
        }
        for (const rest of all('#rest, #flagged-rest')) rest.open = word !== '';
        said.textContent = word ? count + (count === 1 ? ' row' : ' rows') : '';
      });

      const arrows = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
      document.addEventListener('keydown', (event) => {
        const target = event.target;
        if (event.ctrlKey || event.metaKey || event.altKey) return;
        if (target === search) {
          if (event.key === 'Escape') {
            search.value = '';
            search.dispatchEvent(new Event('input'));
            search.blur();
          }
          return;
        }
        if (event.key === 'Escape') { close(); return; }
        if (event.key === '/' && search) { event.preventDefault(); search.focus(); return; }
        if (event.key === '?') { help?.showModal(); return; }
        if (event.key === 'n') { flagged(1); return; }
        if (event.key === 'p') { flagged(-1); return; }
        const arrow = arrows[event.key], inDrawer = drawer?.contains(target);
        // In the open operation, up and down scroll it.
        const from = links.includes(target) ? target : inDrawer && arrow && arrow[1] ? opener : undefined;
        if (arrow && from && links.includes(from)) { event.preventDefault(); move(from, ...arrow); }
      });

      addEventListener('beforeprint', () => { for (const panel of all('details.op.f')) panel.open = true; });
    })();
    /*]]>*/
    """#
}
