/** The part of the service's log (pino) that the database layer writes to. */
export type DatabaseLog = {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
}
