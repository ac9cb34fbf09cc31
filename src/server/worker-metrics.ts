import type { Worker } from 'node:cluster'
import { setTimeout as sleep } from 'node:timers/promises'
import { AggregatorRegistry } from '@platformatic/prom-client'
import { type MetricSnapshot, snapshotOf } from '../../plugins/metrics/snapshot.ts'

/** The messages between the primary and a worker, by their field `type`. */
const COLLECT = 'collect-metrics'
const COLLECTED = 'collected-metrics'
/** A worker that hangs or has just exited must not hold the others' metrics back. */
const ANSWER_LIMIT_MS = 1_500

/**
 * Collects the metrics of workers, in the primary. prom-client's own collector waits for workers that
 * are starting or hang, and then fails as a whole.
 */
export class WorkerMetrics {
  readonly #workers: () => readonly Worker[]
  /** What each worker has sent last. */
  readonly #latest = new Map<Worker, MetricSnapshot[]>()
  /** The sums of workers that have exited. A sum that falls looks like a restart to Prometheus. */
  #retired: MetricSnapshot[] = []
  #retiring = Promise.resolve()
  #lastId = 0

  /** @param workers returns those that listen */
  constructor(workers: () => readonly Worker[]) {
    this.#workers = workers
  }

  /** @returns the metrics of each worker that answers in time, and the sums of earlier workers */
  async collect(): Promise<{ answered: number; metrics: MetricSnapshot[][] }> {
    const id = ++this.#lastId
    const answers = await Promise.all(this.#workers().map((worker) => this.#query(worker, id)))
    const answered = answers.filter(Boolean).length
    // One that did not answer counts as it was, so that no sum falls.
    const silent = [...this.#latest]
      .filter(([worker]) => !answers.includes(worker))
      .map(([, metrics]) => onlySums(metrics))
    const current = answers.flatMap((worker) => (worker ? [this.#latest.get(worker) ?? []] : []))
    return { answered, metrics: [...current, ...silent, this.#retired] }
  }

  /** @returns the worker once it has answered, or undefined if it does not in time */
  async #query(worker: Worker, id: number): Promise<Worker | undefined> {
    if (!worker.isConnected()) return undefined
    if (!this.#latest.has(worker)) {
      this.#latest.set(worker, [])
      worker.once('exit', () => this.#retire(worker))
    }
    const limit = new AbortController()
    const answered = new Promise<Worker>((resolve) => {
      const onMessage = (message: unknown) => {
        if (!isCollected(message) || message.id !== id) return
        this.#latest.set(worker, message.metrics)
        resolve(worker)
      }
      worker.on('message', onMessage)
      limit.signal.addEventListener('abort', () => worker.off('message', onMessage))
    })
    worker.send({ type: COLLECT, id }, () => undefined) // one that has just exited does not answer
    const late = sleep(ANSWER_LIMIT_MS, undefined, { ref: false, signal: limit.signal })
    late.catch(() => undefined)
    try {
      return await Promise.race([answered, late])
    } finally {
      limit.abort()
    }
  }

  /** One after the other, so that no sum is lost when two workers exit together. */
  #retire(worker: Worker): void {
    this.#retiring = this.#retiring.then(async () => {
      const last = onlySums(this.#latest.get(worker) ?? [])
      const sums = AggregatorRegistry.aggregate([this.#retired, last])
      this.#retired = await snapshotOf(sums)
      this.#latest.delete(worker)
    })
  }
}

/** @returns the metrics whose values only grow */
function onlySums(metrics: MetricSnapshot[]): MetricSnapshot[] {
  return metrics.filter(({ type }) => type === 'counter' || type === 'histogram')
}

/** In a worker: sends its metrics when the primary wants them. */
export function sendMetrics(snapshot: () => Promise<MetricSnapshot[]>): void {
  process.on('message', (message) => {
    if (!hasType(message, COLLECT) || !('id' in message)) return
    const { id } = message
    snapshot().then((metrics) => {
      // If the primary is gone, this process ends, too.
      process.send?.({ type: COLLECTED, id, metrics }, undefined, {}, () => undefined)
    })
  })
}

function hasType(message: unknown, type: string): message is { type: string } {
  return (
    typeof message === 'object' && message !== null && 'type' in message && message.type === type
  )
}

/** Workers run this same program, so the form of what they send is known. */
function isCollected(message: unknown): message is { id: number; metrics: MetricSnapshot[] } {
  return hasType(message, COLLECTED)
}
