// NAME.facedge.zip -> its files, as deploy/FORMAT.md, section 1, limits it. deploy/c/zip.c is the same in C.
// PKWARE's APPNOTE.TXT, sections 4.3.7, 4.3.12 and 4.3.16; a member's hash is compared afterwards, its CRC-32 is not.
import { BundleError } from './errors.js';

const [END, ENTRY, LOCAL] = [0x06054b50, 0x02014b50, 0x04034b50];
const [END_SIZE, ENTRY_SIZE, LOCAL_SIZE] = [22, 46, 30];
const FOREIGN_FLAGS = (1 << 0) | (1 << 5) | (1 << 6) | (1 << 13); // encrypted, a patch, strongly encrypted, masked
const [STORED, DEFLATED] = [0, 8];
const ZIP64 = 0xffffffff;
const MOST_ENTRIES = 64;
const MOST_PATH = 1000;

const latin1 = new TextDecoder('latin1'); // names of files are ASCII; of folders every byte counts

function need(good, what) {
  if (!good) throw new BundleError(`the zip ${what}`);
}

/**
 * @param {Uint8Array} bytes of the zip
 * @param {(packed: Uint8Array, size: number) => Uint8Array} inflate raw deflate, of at most so many bytes; may throw
 * @returns {{read: (name: string, most: number) => Promise<Uint8Array>, list: () => Promise<string[]>}} as readBundle
 *   of bundle.js takes it; BundleError where it is no zip of one bundle
 */
export function openZip(bytes, inflate) {
  const members = membersOf(bytes);
  return {
    async read(name, most) {
      const member = members.get(name);
      if (!member) throw new BundleError(`${name} is missing from the bundle`);
      if (member.size > most) throw new BundleError(`${name} has ${member.size} bytes; expected at most ${most}`);
      return unpacked(bytes, name, member, inflate);
    },
    list: async () => [...members.keys()],
  };
}

function unpacked(bytes, name, { at, packed, size, method }, inflate) {
  const data = bytes.subarray(at, at + packed);
  if (method === STORED) return data.slice();
  let out;
  try {
    out = inflate(data, size);
  } catch {
    // below
  }
  if (out?.length !== size) throw new BundleError(`${name} cannot be unpacked from the zip`);
  return out;
}

// Name of each file, without its folder -> where its data are.
function membersOf(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const { start, count, end } = directoryOf(view);
  const entries = [];
  let at = start;
  for (let n = 0; n < count; n++) {
    entries.push(readEntry(bytes, view, at, end, start));
    at = entries.at(-1).next;
  }
  need(at === end, 'has a damaged directory');
  const files = entries.filter(({ path }) => !path.endsWith('/'));
  const folderOf = (path) => path.slice(0, path.lastIndexOf('/') + 1);
  const folder = files.length ? folderOf(files[0].path) : undefined;
  const inside = ({ path }) => (path.endsWith('/') ? folder.startsWith(path) : folderOf(path) === folder);
  need(files.length && entries.every(inside), 'holds no bundle, or several: expected the files of one, in one folder or at the top');
  const members = new Map(files.map((file) => [file.path.slice(folder.length), file]));
  need(members.size === files.length, 'holds a file twice');
  const ordered = [...files].sort((one, other) => one.at - other.at);
  need(ordered.every(({ at, packed }, n) => n + 1 === ordered.length || at + packed <= ordered[n + 1].at), 'holds files that overlap');
  return members;
}

function directoryOf(view) {
  const end = view.byteLength - END_SIZE;
  const is = (at, signature) => view.getUint32(at, true) === signature;
  need(end >= 0 && is(end, END) && view.getUint16(end + 20, true) === 0, 'is none, is cut short, or has a comment');
  const [disk, other, here, count] = [4, 6, 8, 10].map((place) => view.getUint16(end + place, true));
  const [size, start] = [12, 16].map((place) => view.getUint32(end + place, true));
  need(is(0, LOCAL) && !disk && !other && here === count && start + size === end, 'is a zip64, of several parts, or has bytes before or behind it');
  need(count <= MOST_ENTRIES, 'holds more files than a bundle has');
  return { start, count, end };
}

// From the directory, which ends at `end`; the data must end before `limit`.
function readEntry(bytes, view, at, end, limit) {
  const fits = at + ENTRY_SIZE <= end && view.getUint32(at, true) === ENTRY;
  need(fits && at + ENTRY_SIZE + view.getUint16(at + 28, true) <= end, 'has a damaged directory');
  const [flags, method, length, extra, comment, disk] = [8, 10, 28, 30, 32, 34].map((place) => view.getUint16(at + place, true));
  const [packed, size, header] = [20, 24, 42].map((place) => view.getUint32(at + place, true));
  const path = latin1.decode(bytes.subarray(at + ENTRY_SIZE, at + ENTRY_SIZE + length));
  need(length > 0 && length <= MOST_PATH && !path.includes('\0'), 'names a file in a way that no bundle does');
  need(!(flags & FOREIGN_FLAGS), 'is encrypted');
  need(method === STORED || method === DEFLATED, 'is packed in another way than stored or deflated');
  need(![packed, size, header].includes(ZIP64) && !disk, 'is a zip64 or of several parts, which no bundle needs');
  need(method === DEFLATED || packed === size, 'holds a file that is cut short');
  const start = dataAt(bytes, view, header, path);
  need(start + packed <= limit, 'holds a file that is cut short');
  return { path, method, packed, size, at: start, next: at + ENTRY_SIZE + length + extra + comment };
}

// Behind the local header, which must name the same file.
function dataAt(bytes, view, header, path) {
  const name = header + LOCAL_SIZE;
  const found = name <= bytes.length && view.getUint32(header, true) === LOCAL && view.getUint16(header + 26, true) === path.length;
  const same = found && latin1.decode(bytes.subarray(name, name + path.length)) === path;
  need(same, 'names a file that is not where its directory says');
  return name + path.length + view.getUint16(header + 28, true);
}
