// @ts-nocheck This script runs in a browser, whose types the project does not load.
// Draws the panels of a dashboard with uPlot, at the places that their `gridPos` gives them.
const COLUMN_PX = 66
const ROW_PX = 32
const GAP_PX = 8
const COLOURS = [
  '#3274d9',
  '#e0752d',
  '#299c46',
  '#a352cc',
  '#c4162a',
  '#e0b400',
  '#1f9e9e',
  '#8f3bb8',
]
const UNITS = { s: ' s', reqps: ' /s', cps: ' /s', percentunit: ' %', bytes: ' MB', short: '' }
const SCALES = { percentunit: 100, bytes: 1e-6 }

/** @param panels with `title`, `gridPos`, `unit`, and `lines`: a name and [time in s, value] pairs each */
globalThis.drawPanels = (panels) => {
  for (const panel of panels) {
    const { x, y, w, h } = panel.gridPos
    const element = document.createElement('section')
    element.style.cssText = `left:${x * COLUMN_PX}px;top:${y * ROW_PX}px;width:${w * COLUMN_PX - GAP_PX}px;height:${h * ROW_PX - GAP_PX}px`
    element.className = panel.lines ? 'panel' : 'row'
    const title = document.createElement('h2')
    title.textContent = panel.title
    element.append(title)
    document.body.append(element)
    if (panel.lines) drawLines(element, panel)
  }
}

/** @returns the time of day in UTC */
function clock(time) {
  return new Date(time * 1_000).toISOString().slice(11, 19)
}

function drawLines(element, { unit, lines }) {
  const times = [...new Set(lines.flatMap(({ points }) => points.map(([time]) => time)))].sort()
  const scale = SCALES[unit] ?? 1
  const rows = lines.map(({ points }) => {
    const values = new Map(points)
    return times.map((time) => (values.has(time) ? values.get(time) * scale : null))
  })
  const series = lines.map(({ name }, index) => ({
    label: name,
    stroke: COLOURS[index % COLOURS.length],
    width: 1.5,
  }))
  const labels = (_, ticks) => ticks.map((tick) => `${+tick.toPrecision(6)}${UNITS[unit] ?? ''}`)
  const options = {
    width: element.clientWidth - GAP_PX,
    height: element.clientHeight - 70,
    series: [{}, ...series],
    axes: [
      { space: 80, values: (_, ticks) => ticks.map(clock) },
      { size: 70, values: labels },
    ],
    scales: { y: { range: (_, low, high) => [Math.min(low ?? 0, 0), (high || 1) * 1.1] } },
    legend: { show: false },
    cursor: { show: false },
  }
  new uPlot(options, [times, ...rows], element)
  const legend = document.createElement('p')
  for (const { label, stroke } of series) {
    const name = document.createElement('span')
    name.textContent = label
    name.style.borderColor = stroke
    legend.append(name, ' ')
  }
  element.append(legend)
}
