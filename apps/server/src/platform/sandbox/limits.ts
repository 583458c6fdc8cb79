export interface SandboxLimits {
  /** From the beginning of the job, also while its taker takes. */
  wallSeconds: number
  /** Of all its processes together. */
  cpuSeconds: number
  /** Resident, of all its processes together. */
  memoryBytes: number
  /** Of all pieces as they are serialised; of what a program prints, and of each file that it writes. */
  outputBytes: number
}
