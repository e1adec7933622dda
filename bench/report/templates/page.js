// Sorting and filtering of the tables of cells. The state lives in the URL: #?cells.Model=magika&cells.sort=-Speedup
"use strict";
(() => {
  const tables = [...document.querySelectorAll("table.results")].map(enhance);
  addEventListener("beforeprint", () => { for (const one of document.querySelectorAll(".why, .more")) one.open = true; });
  for (const button of document.querySelectorAll(".print")) {
    button.hidden = false;
    button.addEventListener("click", () => window.print());
  }
  window.addEventListener("hashchange", read);
  read();

  function make(tag, properties, ...children) {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  }

  function enhance(table) {
    const body = table.tBodies[0], rows = [...body.rows], heads = [...table.tHead.rows[0].cells];
    const form = table.closest("section").querySelector(".filters");
    const names = heads.map(head => head.textContent);
    const count = make("output", {});
    const search = make("input", {type: "search", name: "q", placeholder: "any text"});
    const texts = new Map(rows.map(row => [row, row.textContent.toLowerCase()]));
    const selects = [];
    form.append(make("label", {}, "Search", search));
    heads.forEach((head, column) => {
      const button = make("button", {type: "button", textContent: names[column]});
      button.addEventListener("click", () => { turn(column); write(); });
      head.replaceChildren(button);
      if (!("filter" in head.dataset)) return;
      const found = [...new Set(rows.map(row => plain(row, column)))];
      if (found.length < 2) return;
      const select = make("select", {name: names[column]}, make("option", {value: "", textContent: "all"}),
        ...found.map(text => make("option", {value: text, textContent: text})));
      select.dataset.column = column;
      selects.push(select);
      form.append(make("label", {}, names[column], select));
    });
    form.append(count);
    form.hidden = false;
    form.addEventListener("input", () => { show(); write(); });
    form.addEventListener("submit", event => event.preventDefault());
    let sorted = "";  // the column's name, with a minus for descending

    function plain(row, column) {
      const cell = row.cells[column];
      if (!cell) return "";
      return [...cell.childNodes].filter(node => node.nodeType === 3).map(node => node.data).join("").trim();
    }
    function value(row, column) {
      const cell = row.cells[column];
      if (!cell || cell.colSpan > 1) return null;
      if (cell.dataset.v !== undefined) return Number(cell.dataset.v);
      return heads[column].classList.contains("n") ? null : plain(row, column);
    }
    function turn(column) {  // numbers start with the largest; the third turn restores the suite's order
      const name = names[column], first = heads[column].classList.contains("n") ? "-" : "";
      const steps = [first + name, (first ? "" : "-") + name, ""];
      sorted = steps[(steps.indexOf(sorted) + 1) % 3];
      sort();
    }
    function sort() {
      const column = names.indexOf(sorted.replace(/^-/, "")), down = sorted.startsWith("-") ? -1 : 1;
      heads.forEach((head, at) => {
        if (at === column) head.setAttribute("aria-sort", down < 0 ? "descending" : "ascending");
        else head.removeAttribute("aria-sort");
      });
      const order = column < 0 ? rows : rows.map((row, at) => [value(row, column), at, row]).sort(([a, i], [b, j]) => {
        if (a === null || b === null) return (a === null) - (b === null) || i - j;  // what is unknown stays last
        return down * (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b))) || i - j;
      }).map(([, , row]) => row);
      body.append(...order);
    }
    function show() {
      const wanted = search.value.toLowerCase();
      let shown = 0;
      for (const row of rows) {
        const fits = selects.every(select => !select.value || plain(row, Number(select.dataset.column)) === select.value);
        row.hidden = !(fits && texts.get(row).includes(wanted));
        shown += !row.hidden;
      }
      count.textContent = shown === rows.length ? `${shown} cells` : `${shown} of ${rows.length} cells`;
    }
    function get() {
      const pairs = [...selects, search].filter(field => field.value).map(field => [`${table.id}.${field.name}`, field.value]);
      return sorted ? [...pairs, [`${table.id}.sort`, sorted]] : pairs;
    }
    function set(state) {
      for (const field of [...selects, search]) {
        field.value = state.get(`${table.id}.${field.name}`) ?? "";
        if (field.selectedIndex === -1) field.value = "";
      }
      sorted = state.get(`${table.id}.sort`) ?? "";
      sort();
      show();
    }
    return {get, set};
  }

  function write() {
    const state = new URLSearchParams(tables.flatMap(table => table.get())).toString();
    history.replaceState(null, "", state ? `#?${state}` : location.pathname + location.search);
  }
  function read() {
    const hash = location.hash, state = new URLSearchParams(hash.startsWith("#?") ? hash.slice(2) : "");
    if (hash.startsWith("#?") || !read.done) for (const table of tables) table.set(state);
    read.done = true;
    const linked = hash.length > 1 && !hash.startsWith("#?") && document.getElementById(decodeURIComponent(hash.slice(1)));
    if (!linked || !linked.matches("tr")) return;
    if (linked.hidden) for (const table of tables) table.set(new URLSearchParams());
    linked.scrollIntoView({block: "center"});
  }
})();
