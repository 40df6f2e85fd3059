// sha256 as the manifest and its seal have it. Browsers offer it on https and localhost only, and so is the camera.

/** Lower-case hex. @param {Uint8Array} bytes */
export async function sha256(bytes) {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return Array.from(digest, (value) => value.toString(16).padStart(2, '0')).join('');
}

/** manifest.sha256 of these bytes of manifest.json. */
export const sealOf = async (manifest) => `${await sha256(manifest)}  manifest.json\n`;
