// Files that a person chose -> the files of one bundle, by name.

const MOST_BYTES = 256 << 20; // unpacked, of a whole bundle

/**
 * @param {Record<string, Uint8Array>} files by name: one zip, or what lies in a bundle's folder
 * @param {(zip: Uint8Array, options: object) => Record<string, Uint8Array>} unzip fflate's unzipSync
 */
export function bundleInZip(files, unzip) {
  const [name, ...others] = Object.keys(files);
  if (!name?.endsWith('.zip') || others.length) return files;
  let left = MOST_BYTES;
  const inside = unzip(files[name], {
    filter({ name: path, originalSize: size }) {
      left -= size;
      if (left < 0) throw new Error(`${name} holds more than ${MOST_BYTES >> 20} MB: no bundle does`);
      return !path.endsWith('/');
    },
  });
  const folders = new Set(Object.keys(inside).map((path) => path.slice(0, path.lastIndexOf('/') + 1)));
  if (folders.size !== 1) throw new Error(`${name} holds no bundle, or several: expected one folder NAME.facedge`);
  return Object.fromEntries(Object.entries(inside).map(([path, bytes]) => [path.slice(path.lastIndexOf('/') + 1), bytes]));
}

/** Files in memory as readBundle reads them. */
export function sourceOf(files) {
  return {
    async read(name, most) {
      const bytes = Object.hasOwn(files, name) ? files[name] : undefined;
      if (!bytes) throw new Error(`${name} is missing: choose the .zip, or every file of the bundle's folder`);
      if (bytes.length > most) throw new Error(`${name} has ${bytes.length} bytes; expected at most ${most}`);
      return bytes;
    },
    list: async () => Object.keys(files),
  };
}
