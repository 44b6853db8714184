// Draws each `data-chart` with uPlot: {"kind": "time" | "open" | "hours", "starts", "width", "limit", "series": [[state, label, counts]]}.
// The same numbers stand in a table below; the colours are those of the states, in the light and in the dark.
(() => {
  "use strict";

  const drawn = new WeakMap();
  const HEIGHT = 180;

  // What a class is painted with, as a colour that a canvas takes.
  const ink = (element, state) => {
    const probe = Object.assign(document.createElement("i"), { className: `chart-ink state-${state}` });
    element.append(probe);
    const { color } = getComputedStyle(probe);
    probe.remove();
    return color;
  };

  const stacked = (series) => {
    const sums = series[0][2].map(() => 0);
    return series.map(([, , counts]) => counts.map((count, place) => { sums[place] += count; return sums[place]; }));
  };

  const short = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
  const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
  const two = (hour) => String(hour).padStart(2, "0");
  // The hour under each line, and the day where it is another one than before.
  const times = (_, seconds) => seconds.map((at, place) => {
    const before = place ? day.format(seconds[place - 1] * 1000) : "";
    const today = day.format(at * 1000);
    return today === before ? short.format(at * 1000) : `${short.format(at * 1000)}\n${today}`;
  });

  const clock = (seconds) => new Date(seconds * 1000).toLocaleString(undefined, { weekday: "short", hour: "2-digit", minute: "2-digit" });
  const column = ({ kind, starts, width }, place) => (kind === "hours"
    ? `${two(starts[place])}:00`
    : `${clock(starts[place])}–${short.format((starts[place] + width) * 1000)}`);

  // What the column under the pointer holds, in words.
  const tip = (chart, told) => {
    const box = Object.assign(document.createElement("p"), { className: "chart-tip" });
    chart.root.append(box);
    return () => {
      const place = chart.cursor.idx;
      const words = place == null ? "" : told.series.filter(([, , counts]) => counts[place]).map(([, label, counts]) => `${label} ${counts[place]}`).join(", ");
      box.textContent = place == null ? "" : `${column(told, place)}: ${words || "none"}`;
    };
  };

  const draw = (element) => {
    const told = JSON.parse(element.dataset.chart);
    drawn.get(element)?.destroy();
    if (!told.series.length || !element.clientWidth) return;
    const style = getComputedStyle(element);
    const sums = stacked(told.series);
    const bars = uPlot.paths.bars({ size: [0.86, 48], align: told.kind === "hours" ? 0 : 1 });
    // The tallest first, so that each lower one covers its part.
    const order = told.series.map((_, place) => place).reverse();
    const axis = { stroke: style.color, grid: { stroke: style.borderTopColor, width: 1 }, ticks: { show: false }, font: `12px ${style.fontFamily}` };
    const last = told.starts.length - 1;
    const highest = Math.max(1, told.limit ?? 0, ...sums.at(-1));
    let show = () => {};
    const options = {
      width: element.clientWidth,
      height: HEIGHT,
      legend: { show: false },
      cursor: { drag: { x: false, y: false }, points: { show: false } },
      scales: {
        x: { time: told.kind !== "hours", range: told.kind === "hours" ? [-0.5, 23.5] : [told.starts[0], told.starts[last] + told.width] },
        y: { range: [0, highest * 1.08] },
      },
      axes: [
        { ...axis, space: 76, grid: { show: false }, ...(told.kind === "hours" ? { incrs: [1, 2, 3, 4, 6], values: (_, hours) => hours.map(two) } : { values: times }) },
        { ...axis, size: 44, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 50000, 100000] },
      ],
      series: [{}, ...order.map((place) => {
        const fill = ink(element, told.series[place][0]);
        return { fill, width: 0, points: { show: false }, paths: bars };
      }), ...(told.limit ? [{ stroke: ink(element, "failed"), width: 1, dash: [5, 4], points: { show: false } }] : [])],
      hooks: { setCursor: [() => show()] },
    };
    const data = [told.starts, ...order.map((place) => sums[place]), ...(told.limit ? [told.starts.map(() => told.limit)] : [])];
    const chart = new uPlot(options, data, element);
    show = tip(chart, told);
    drawn.set(element, chart);
  };

  const all = () => document.querySelectorAll("[data-chart]");
  const shown = new WeakMap();
  const renew = (always) => all().forEach((element) => {
    const now = `${element.dataset.chart} ${element.clientWidth}`;
    if (!always && shown.get(element) === now) return;
    shown.set(element, now);
    draw(element);
  });

  document.addEventListener("live:changed", () => renew(false));
  addEventListener("resize", () => renew(false));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => renew(true));
  new MutationObserver(() => renew(true)).observe(document.documentElement, { attributeFilter: ["data-bs-theme"] });
  renew(false);
})();
