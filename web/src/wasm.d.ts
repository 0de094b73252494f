// A module of AssemblyScript, compiled: base64.
declare module "*wasm" {
  const binary: string;
  export default binary;
}
