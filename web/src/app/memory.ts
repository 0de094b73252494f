// Settings in localStorage; not persisted if the browser blocks storage.

export const recall = (key: string): string | null => {
  try {
    return localStorage.getItem(`tenfold-${key}`);
  } catch {
    return null;
  }
};

export const remember = (key: string, value: string) => {
  try {
    localStorage.setItem(`tenfold-${key}`, value);
  } catch {
    // The setting lasts until the page is closed.
  }
};
