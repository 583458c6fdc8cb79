/** The part of the package that is used here; it brings no types of its own. */
declare module 'cli-progress' {
  export interface Options {
    format?: (options: Options, params: Params) => string
    stream?: NodeJS.WritableStream
    clearOnComplete?: boolean
  }
  export interface Params {
    value: number
    total: number
    progress: number
    startTime: number
  }
  export class SingleBar {
    constructor(options: Options)
    start(total: number, startValue: number): void
    update(value: number): void
    stop(): void
  }
}
