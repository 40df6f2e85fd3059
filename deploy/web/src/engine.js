// The worker's methods as functions of the page that return promises.

export function startEngine() {
  const worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
  const waiting = new Map();
  let calls = 0;

  worker.onmessage = ({ data: { id, result, error } }) => {
    const { resolve, reject } = waiting.get(id);
    waiting.delete(id);
    if (error) reject(new Error(error));
    else resolve(result);
  };
  worker.onerror = () => {
    for (const { reject } of waiting.values()) reject(new Error('this browser cannot run the page: update it'));
    waiting.clear();
  };

  const call = (method, argument, transfer = []) =>
    new Promise((resolve, reject) => {
      waiting.set(++calls, { resolve, reject });
      worker.postMessage({ id: calls, method, argument }, transfer);
    });

  return {
    open: () => call('open'),
    look: (picture, person) => call('look', { picture, person }, [picture.data.buffer]),
    enroll: (views, stretches) => call('enroll', { views, stretches }),
    openBundle: (files) => call('openBundle', files),
    save: (person) => call('save', person),
    keep: (person) => call('keep', person),
  };
}
