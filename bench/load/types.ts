export interface Request {
  method: 'GET' | 'POST'
  path: string
  headers?: Record<string, string>
  body?: string
}

export interface Load {
  connections: number
  seconds: number
  /** Sent in turn, on whichever connection is free. */
  requests: Request[]
  /** Requests per second of all connections together, evenly spaced. Unlimited by default. */
  rate?: number
}

/** What the load generator has counted. */
export interface Answers {
  requests: number
  seconds: number
  /** In ms. */
  p50: number
  p99: number
  /** Responses with an error status, by status, and requests without a response. */
  failed: Record<string, number>
}
