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

  const plots = [...document.querySelectorAll(".plot")];
  plots.forEach(draw);
  dark.addEventListener("change", () => plots.forEach(draw));
  document.documentElement.dataset.ready = "";
})();
