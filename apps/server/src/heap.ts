import { setFlagsFromString } from 'node:v8'

// How V8 keeps the heap of a process through which many buffers pass and in which little stays.

// Else every 64 MB of buffers make it mark the whole heap, which took half the CPU of a large download.
setFlagsFromString('--external-memory-accounted-in-global-limit')
// MB. Else young objects, and the buffers they hold on to, fill up to 100 MB before they are looked at.
setFlagsFromString('--max-semi-space-size=4')
setFlagsFromString('--scavenger-max-new-space-capacity-mb=4')
