// A few words that the browser keeps for the page. Where storage is blocked, it forgets.

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
    // It works without, until the page is left.
  }
};
