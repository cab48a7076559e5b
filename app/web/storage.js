// What a tab remembers over a reload; another tab, or this one closed, knows nothing of it.

export function remembered(name, otherwise) {
  try {
    return { ...otherwise, ...JSON.parse(sessionStorage.getItem(name)) };
  } catch {
    return otherwise;
  }
}

export function remember(name, value) {
  try {
    sessionStorage.setItem(name, JSON.stringify(value));
  } catch {
    // A browser that keeps nothing: the page works, and begins anew each time.
  }
}
