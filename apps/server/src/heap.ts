import { setFlagsFromString } from 'node:v8'

// How V8 keeps the heap of a process through which many buffers pass and in which little stays; the size of its new
// space can be set at the start alone, by bin/stowage-server.js. See docs/decisions/0012-heap.md.

// Else every 64 MB of buffers make it mark the whole heap, which took half the CPU of a large download.
setFlagsFromString('--external-memory-accounted-in-global-limit')
// Else what died in the old space stays until the heap is several times as large as what lives in it.
setFlagsFromString('--heap-growing-percent=100')
