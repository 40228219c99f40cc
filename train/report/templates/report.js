"use strict";
// Draws the charts with the colours of the style sheet, and again when the scheme changes.
(() => {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const colorOf = (role) => getComputedStyle(document.documentElement).getPropertyValue(role).trim();

  const painted = (value) => {
    if (Array.isArray(value)) return value.map(painted);
    if (value !== null && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, painted(inner)]));
    }
    return typeof value === "string" && /^--[a-z0-9]+$/.test(value) ? colorOf(value) : value;
  };

  const axis = (own) => ({ gridcolor: colorOf("--line"), linecolor: colorOf("--line"), zeroline: false, automargin: true, ...own });

  const layoutOf = (own) => ({
    font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: colorOf("--soft") },
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    margin: { l: 60, r: 12, t: 10, b: 46 }, showlegend: true,
    legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0 },
    hoverlabel: { bgcolor: colorOf("--card"), bordercolor: colorOf("--line"), font: { color: colorOf("--ink") } },
    ...own, xaxis: axis(own.xaxis), yaxis: axis(own.yaxis),
  });

  const draw = (plot) => {
    const { data, layout } = JSON.parse(plot.nextElementSibling.textContent);
    const config = { responsive: true, displaylogo: false, modeBarButtons: [["toImage"]], toImageButtonOptions: { format: "svg" } };
    return Plotly.react(plot, painted(data), layoutOf(painted(layout)), config);
  };

  const plots = [...document.querySelectorAll(".plot")];
  plots.forEach(draw);
  dark.addEventListener("change", () => plots.forEach(draw));
  document.documentElement.dataset.ready = "";
})();
