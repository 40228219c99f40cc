"use strict";
// The page's own script: draws the charts and filters the samples. It reads the page and writes no markup into it.
(() => {
  const dark = matchMedia("(prefers-color-scheme: dark)");

  // A role such as "--accent/0.35" is a variable of the style sheet and an opacity.
  const colorOf = (role) => {
    const [name, opacity] = role.split("/");
    const hex = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
    if (opacity === undefined) return hex;
    const [r, g, b] = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
    return `rgba(${r},${g},${b},${opacity})`;
  };

  const painted = (value) => {
    if (Array.isArray(value)) return value.map(painted);
    if (value !== null && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, painted(inner)]));
    }
    return typeof value === "string" && /^--[a-z0-9]+(\/[0-9.]+)?$/.test(value) ? colorOf(value) : value;
  };

  const axis = (own) => ({
    gridcolor: colorOf("--line"), linecolor: colorOf("--line"), zerolinecolor: colorOf("--line"),
    fixedrange: true, ...own, title: { font: { size: 12 }, standoff: 8, ...(own && own.title) },
  });

  const layoutOf = (own) => ({
    font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: colorOf("--soft") },
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    margin: { l: 56, r: 12, t: 10, b: 46 }, showlegend: false,
    legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0 },
    hoverlabel: { bgcolor: colorOf("--card"), bordercolor: colorOf("--line"), font: { color: colorOf("--ink") } },
    ...own, xaxis: axis(own.xaxis), yaxis: axis(own.yaxis),
  });

  const draw = (plot) => {
    const { data, layout } = JSON.parse(plot.nextElementSibling.textContent);
    const config = { responsive: true, displaylogo: false, modeBarButtons: [["toImage"]], toImageButtonOptions: { format: "svg" } };
    return Plotly.react(plot, painted(data), layoutOf(painted(layout)), config);
  };

  // Clicking a stream of the flow picture shows samples of what was left out.
  const listen = (plot) => plot.on("plotly_click", ({ points: [point] }) => {
    const key = Array.isArray(point.customdata) ? point.customdata[1] : null;
    if (key) showDrop(key);
  });

  // A chart is drawn when it comes near: all at once would keep the page from answering for seconds.
  const plots = [...document.querySelectorAll(".plot")], drawn = new Set();
  const show = (plot) => {
    if (drawn.has(plot)) return;
    drawn.add(plot);
    draw(plot);
    listen(plot);
  };
  const near = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (isIntersecting) { near.unobserve(target); show(target); }
    }
  }, { rootMargin: "600px" });
  plots.forEach((plot) => near.observe(plot));
  dark.addEventListener("change", () => drawn.forEach(draw));
  addEventListener("beforeprint", () => plots.forEach(show));

  // The samples: a search over all their text, and a choice in every list.
  const PAGE = 20;
  const byId = (name) => document.getElementById(`samples-${name}`);
  const search = byId("search"), why = byId("why"), found = byId("found"), more = byId("more"), nothing = byId("nothing");
  const choices = [...document.querySelectorAll("[data-filter]")];
  const cards = [...document.querySelectorAll("#cards > article")].map((card) => ({
    card, text: card.textContent.toLowerCase() + (card.dataset.row || ""), why: card.dataset.why.split("|"),
  }));
  let shown = PAGE;

  const fits = ({ card, text, why: reasons }, wanted) =>
    wanted.every((word) => text.includes(word)) &&
    (why.value === "" ? !card.classList.contains("none") : reasons.includes(why.value)) &&
    choices.every((choice) => choice.value === "" || card.dataset[choice.dataset.filter] === choice.value);

  const mark = (visible, wanted) => {
    if (!CSS.highlights) return;
    const ranges = [];
    for (const { card } of wanted.length ? visible : []) {
      const walker = document.createTreeWalker(card, NodeFilter.SHOW_TEXT);
      for (let node = walker.nextNode(); node; node = walker.nextNode()) {
        const text = node.data.toLowerCase();
        if (text.length !== node.data.length) continue;
        for (const word of wanted) {
          for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + word.length)) {
            const range = new Range();
            range.setStart(node, at);
            range.setEnd(node, at + word.length);
            ranges.push(range);
          }
        }
      }
    }
    CSS.highlights.set("found", new Highlight(...ranges));
  };

  const filter = () => {
    const wanted = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const fitting = cards.filter((one) => fits(one, wanted));
    const visible = fitting.slice(0, shown);
    const isVisible = new Set(visible);
    for (const one of cards) one.card.hidden = !isVisible.has(one);
    const total = fitting.filter(({ card }) => !card.classList.contains("none")).length;
    found.textContent = `${total.toLocaleString("en")} of ${cards.filter(({ card }) => !card.classList.contains("none")).length.toLocaleString("en")} samples`;
    more.hidden = visible.length === fitting.length;
    nothing.hidden = fitting.length > 0;
    mark(visible, wanted);
  };

  const changed = () => { shown = PAGE; filter(); };
  const clear = () => { for (const field of [search, why, ...choices]) field.value = ""; };

  function showDrop(key) {
    clear();
    why.value = key;
    changed();
    document.getElementById("samples").scrollIntoView();
    why.focus({ preventScroll: true });
  }

  for (const field of [search, why, ...choices]) field.addEventListener("input", changed);
  byId("clear").addEventListener("click", () => { clear(); changed(); });
  more.addEventListener("click", () => { shown += PAGE; filter(); });
  for (const button of document.querySelectorAll("[data-drop]")) {
    button.addEventListener("click", () => showDrop(button.dataset.drop));
  }
  document.querySelector(".filters").hidden = false;
  changed();
  document.documentElement.dataset.ready = "";
})();
