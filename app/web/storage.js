// Values that survive a reload of this tab. Other tabs do not see them, and closing the tab deletes them.

export function load(name, defaults) {
  try {
    return { ...defaults, ...JSON.parse(sessionStorage.getItem(name)) };
  } catch {
    return defaults;
  }
}

export function save(name, value) {
  try {
    sessionStorage.setItem(name, JSON.stringify(value));
  } catch {
    // Storage is disabled or full: the page works, and starts with defaults after a reload.
  }
}
