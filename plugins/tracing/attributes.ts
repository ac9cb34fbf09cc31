/**
 * The attributes that spans have: OpenTelemetry's semantic conventions, and our own.
 */
export const ATTRIBUTES = {
  method: 'http.request.method',
  route: 'http.route',
  status: 'http.response.status_code',
  scheme: 'url.scheme',
  path: 'url.path',
  protocolVersion: 'network.protocol.version',
  errorType: 'error.type',
  errorCode: 'gatehouse.error_code',
  requestId: 'gatehouse.request_id',
  databaseSystem: 'db.system.name',
  databaseOperation: 'db.operation.name',
  batchQueue: 'gatehouse.batch.queue',
  batchSize: 'gatehouse.batch.size',
  batchWait: 'gatehouse.batch.wait_ms',
  hashCost: 'gatehouse.hash.cost',
  hashWait: 'gatehouse.hash.wait_ms',
} as const
