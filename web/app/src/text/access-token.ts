const key = "hubbub.token";

/**
 * The access token that a link brought along, `#token=…`. It is taken out of the address, which people copy and show, and kept for as long as the tab
 * lives.
 */
export function takeToken(address: Location = location, storage: Storage = sessionStorage): string | undefined {
  const token = new URLSearchParams(address.hash.slice(1)).get("token");
  if (token) history.replaceState(null, "", address.pathname + address.search);
  try {
    if (token) storage.setItem(key, token);
    return token ?? storage.getItem(key) ?? undefined;
  } catch {
    return token ?? undefined;
  }
}
