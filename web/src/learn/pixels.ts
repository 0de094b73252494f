// Pixels on canvases, in the page's colors.

export type Color = readonly number[];

// Red, green and blue, 0 to 255, of a CSS variable of the page such as --ink: the canvas may not be in it yet.
export const colorOf = (name: string): Color => {
  const hex = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16) || 0);
};

// Draws 784 pixels, 0 paper to 255 ink.
export const showPixels = (canvas: HTMLCanvasElement, shown: ArrayLike<number>): void => {
  canvas.width = canvas.height = 28;
  const context = canvas.getContext("2d")!;
  const image = context.createImageData(28, 28);
  const ink = colorOf("--ink");
  for (let i = 0; i < 784; i++) image.data.set([...ink, shown[i]], 4 * i);
  context.putImageData(image, 0, 0);
};
