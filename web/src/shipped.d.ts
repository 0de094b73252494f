declare module "*.10fd?url" {
  const url: string;
  export default url;
}

// Written by vite.config.ts from the model that ships with the Python package.
declare const SHIPPED: { readonly digest: string; readonly sizeBytes: number; readonly accuracy: number };
