import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { resolve } from 'node:path'
import type { Page } from 'playwright-core'

const require = createRequire(import.meta.url)
const STYLE = `
  body { margin: 8px; position: relative; font: 12px system-ui, sans-serif; background: #f4f5f5; color: #24292e }
  section { position: absolute } .panel { background: #fff; border: 1px solid #dcdde0; overflow: hidden }
  h2 { font-size: 13px; margin: 6px 8px } .row h2 { font-size: 15px; margin: 6px 0 }
  p { margin: 2px 8px } span { border-left: 12px solid; padding: 0 10px 0 4px; white-space: nowrap }
`

export interface Line {
  name: string
  /** Time in s since 1970, and value. */
  points: [number, number][]
}

export interface DrawnPanel {
  title: string
  /** In Grafana's grid of 24 columns. */
  gridPos: { x: number; y: number; w: number; h: number }
  unit: string | undefined
  /** Undefined for a heading. */
  lines: Line[] | undefined
}

/** Draws the panels of a dashboard on an empty page. */
export async function drawDashboard(page: Page, panels: DrawnPanel[]): Promise<void> {
  const uplot = require.resolve('uplot/dist/uPlot.iife.min.js')
  await page.setContent('<!doctype html><title>Gatehouse</title>')
  await page.addStyleTag({ path: require.resolve('uplot/dist/uPlot.min.css') })
  await page.addStyleTag({ content: STYLE })
  await page.addScriptTag({ path: uplot })
  await page.addScriptTag({
    content: readFileSync(resolve('test/support/metrics/dashboard/draw.js'), 'utf8'),
  })
  await page.evaluate(`drawPanels(${JSON.stringify(panels)})`)
}
