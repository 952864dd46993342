// What is in a ZIP file, read from its directory at the end: a few kilobytes, however large the file is.

const END = 0x06054b50;
const END_64 = 0x06064b50;
const ENTRY = 0x02014b50;
const LONGEST_END = 22 + 65_535 + 20 + 56;
const FULL_16 = 0xffff;
const FULL_32 = 0xffffffff;
const PICTURE = /\.(jpe?g|png|webp|gif|bmp|tiff?|avif|jp2|ppm|ico)$/i;
const PARTS = new Set(["train", "training", "test", "testing", "val", "valid", "validation"]);

// The names of the files in `file`; an Error where it is no ZIP.
export async function namesIn(file) {
  const start = Math.max(0, file.size - LONGEST_END);
  const tail = await view(file, start, file.size);
  const end = last(tail, END);
  if (end < 0) throw new Error("This is no ZIP file.");
  let count = tail.getUint16(end + 10, true);
  let [size, offset] = [tail.getUint32(end + 12, true), tail.getUint32(end + 16, true)];
  if (count === FULL_16 || size === FULL_32 || offset === FULL_32) {
    const large = last(tail, END_64);
    if (large < 0) throw new Error("The ZIP file’s directory is damaged.");
    [count, size, offset] = [32, 40, 48].map((place) => Number(tail.getBigUint64(large + place, true)));
  }
  if (offset + size > file.size) throw new Error("The ZIP file’s directory is damaged.");
  return entries(await view(file, offset, offset + size), count);
}

// How many pictures each class has: [{label, count}], most first.  Folders are classes: at the top, inside one folder
// that holds all, or under train and test.
export function classesOf(names) {
  const paths = names
    .filter((name) => PICTURE.test(name) && !name.startsWith("__MACOSX/") && !/(^|\/)\./.test(name))
    .map((name) => name.split("/").filter((part) => part !== "." && part !== ""));
  const counts = new Map();
  for (const path of withoutWrapper(paths)) {
    const folders = path.slice(0, -1);
    const label = PARTS.has(folders[0]?.toLowerCase()) ? folders[1] : folders[0];
    if (label !== undefined) counts.set(label, (counts.get(label) ?? 0) + 1);
  }
  return [...counts].map(([label, count]) => ({ label, count })).sort((one, other) => other.count - one.count || one.label.localeCompare(other.label));
}

// A folder that holds all others is no class.
function withoutWrapper(paths) {
  const tops = new Set(paths.map(([top]) => top));
  const wrapped = tops.size === 1 && paths.every((path) => path.length > 2);
  return wrapped ? withoutWrapper(paths.map((path) => path.slice(1))) : paths;
}

function entries(directory, count) {
  const names = [];
  let at = 0;
  for (let number = 0; number < count; number++) {
    if (at + 46 > directory.byteLength || directory.getUint32(at, true) !== ENTRY) throw new Error("The ZIP file’s directory is damaged.");
    const [name, extra, comment] = [28, 30, 32].map((place) => directory.getUint16(at + place, true));
    if (at + 46 + name > directory.byteLength) throw new Error("The ZIP file’s directory is damaged.");
    names.push(new TextDecoder().decode(new Uint8Array(directory.buffer, at + 46, name)));
    at += 46 + name + extra + comment;
  }
  return names.filter((name) => !name.endsWith("/"));
}

const view = async (file, start, end) => new DataView(await file.slice(start, end).arrayBuffer());

// Where the last `mark` is, from the end; -1 where there is none.
function last(data, mark) {
  for (let at = data.byteLength - 22; at >= 0; at--) if (data.getUint32(at, true) === mark) return at;
  return -1;
}
