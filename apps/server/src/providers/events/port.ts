/**
 * The message queue port: where stores leave word of what happened in them.
 *
 * Glossary
 * - handle: what one delivery of a message is known by; the next delivery of the same message has another.
 * - lease: how long the queue keeps a delivered message to itself. What is not done by then is delivered again.
 */
export interface MessageQueue {
  /**
   * Waits for messages, up to about 20 seconds; none is an empty list.
   *
   * Delivery is at least once and in no order. MUST reject with the signal's reason, and soon, when it aborts.
   *
   * @throws Error when the queue cannot be asked; asking again later may do
   */
  receive(signal: AbortSignal): Promise<Message[]>

  /** Removes a message, once what it asks for is durable. A handle whose lease has ended is success. */
  done(handle: string): Promise<void>

  /** Frees connections. The queue is not used afterwards. */
  close(): void
}

export interface Message {
  handle: string
  body: string
}
