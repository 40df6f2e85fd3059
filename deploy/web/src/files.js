// Files from and to the person's own device.

const input = Object.assign(document.createElement('input'), { type: 'file', multiple: true });

/** The files that the person chooses, by name; null where the dialog is closed. @returns {Promise<Record<string, Uint8Array> | null>} */
export function chooseFiles() {
  return new Promise((resolve, reject) => {
    input.value = '';
    input.oncancel = () => resolve(null);
    input.onchange = () => readAll([...input.files]).then(resolve, reject);
    input.click();
  });
}

const readAll = async (files) =>
  Object.fromEntries(await Promise.all(files.map(async (file) => [file.name, new Uint8Array(await file.arrayBuffer())])));

/** Offer bytes as a download. */
export function offer(name, bytes) {
  const href = URL.createObjectURL(new Blob([bytes], { type: 'application/zip' }));
  Object.assign(document.createElement('a'), { href, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(href), 60_000);
}
