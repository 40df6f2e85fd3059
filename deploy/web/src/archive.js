// Files that a person chose -> the files of one bundle, by name.
import { openZip } from '../../node/core/zip.js';

/**
 * Files in memory as readBundle reads them.
 * @param {Record<string, Uint8Array>} files by name: one zip, or what lies in a bundle's folder
 * @param {(packed: Uint8Array, size: number) => Uint8Array} inflate raw deflate, of at most so many bytes
 */
export function sourceOf(files, inflate) {
  const [first, ...others] = Object.keys(files);
  if (first?.endsWith('.zip') && !others.length) return openZip(files[first], inflate);
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
