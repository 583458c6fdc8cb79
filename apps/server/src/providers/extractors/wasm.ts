/** What the language's own types leave out. */
interface WasmRuntime {
  compile(bytes: Uint8Array): Promise<object>
  Instance: new (code: object, imports: object) => object
}

export const wasm = (globalThis as unknown as { WebAssembly: WasmRuntime }).WebAssembly
