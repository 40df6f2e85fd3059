// Drives the built page in headless Chromium with a video as its camera, and prints what happened as one JSON object.
//
// usage: node drive_page.mjs '{"task": "flow" | "keep" | "open" | "stop" | "golden" | "photos" | "leak" | "refused", "url": ..., "chromium": ..., ...}'

import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';

const options = JSON.parse(process.argv[2]);
const require = createRequire(new URL('../web/package.json', import.meta.url));
const { chromium } = require('playwright-core');

const camera = options.video
  ? ['--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream', `--use-file-for-fake-video-capture=${options.video}`]
  : [];
const browser = await chromium.launch({
  executablePath: options.chromium,
  args: [
    '--no-sandbox',
    '--disable-background-networking',
    '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1', // the browser's own requests to its maker
    `--log-net-log=${options.netLog}`,
    ...camera,
  ],
});
const context = await browser.newContext({
  viewport: { width: options.width ?? 430, height: options.height ?? 860 },
  deviceScaleFactor: options.scale ?? 1,
  colorScheme: options.colorScheme ?? 'light',
});
const page = await context.newPage();
page.setDefaultTimeout(150000); // a busy machine processes two frames a second
const problems = [];
const requests = [];
page.on('console', (message) => ['error', 'warning'].includes(message.type()) && problems.push(message.text()));
page.on('pageerror', (error) => problems.push(String(error)));
page.on('request', (request) => requests.push(request.url()));

const state = (name) =>
  page.waitForFunction((wanted) => wanted.split('|').includes(document.getElementById('page').dataset.state), name);
const progress = (part) =>
  page.waitForFunction((least) => parseFloat(document.getElementById('progress').style.getPropertyValue('--part')) > least, part);
const text = (selector) => page.textContent(selector);
const picture = async (name) => {
  if (options.pictures) await page.screenshot({ path: `${options.pictures}/${name}.png` });
};

async function answer() {
  await state('accepted|rejected');
  await page.waitForTimeout(500);
  const score = /Score ([\d.]+), accepted from ([\d.]+)/.exec(await text('#scale-words'));
  const shown = await page.isVisible('#scale');
  return {
    state: await page.getAttribute('#page', 'data-state'),
    headline: await text('h1'),
    score: shown ? Number(score[1]) : null,
    threshold: shown ? Number(score[2]) : null,
  };
}

/** Rules of accessibility that the shown state breaks, by axe-core. */
async function accessibility() {
  await page.evaluate(readFileSync(require.resolve('axe-core'), 'utf8'));
  const { violations } = await page.evaluate(() => window.axe.run({ resultTypes: ['violations'] }));
  return violations.map(({ id, impact, nodes }) => `${id} (${impact}): ${nodes.map((node) => node.html).join(' ')}`);
}

/** The button that has the focus; it must be one that is shown. */
const focus = () => page.evaluate(() => (document.activeElement.checkVisibility() ? document.activeElement.id : 'hidden'));

/** Enroll and verify by the page's buttons, with the keyboard. */
async function enrollByKeyboard() {
  await state('welcome');
  const focused = [];
  await page.focus('#primary');
  await page.keyboard.press('Enter');
  await state('enrolling');
  focused.push(await focus());
  await state('enrolled');
  focused.push(await focus());
  return focused;
}

async function verifyNow() {
  await page.click('#primary');
  return answer();
}

/** Open these files by the page's own button. */
async function openFiles(paths) {
  await state('welcome');
  const chooser = page.waitForEvent('filechooser');
  await page.click('#actions button:has-text("Open a saved enrollment")');
  await (await chooser).setFiles(paths);
  await state('enrolled|error');
  return { headline: await text('h1'), hint: await text('#hint') };
}

/** In the page: from now on the camera shows this photo, brought to 640x480. */
async function showPhoto(url) {
  const photo = new Image();
  photo.src = url;
  await photo.decode();
  const canvas = Object.assign(document.createElement('canvas'), { width: 640, height: 480 });
  const scale = Math.min(640 / photo.width, 480 / photo.height);
  const draw = () => {
    canvas.getContext('2d').drawImage(photo, 0, 0, photo.width * scale, photo.height * scale);
    requestAnimationFrame(draw); // a stream has frames only while something is drawn
  };
  draw();
  const video = document.getElementById('video');
  video.srcObject = canvas.captureStream(15);
  await video.play();
}

const tasks = {
  /** Enroll and verify by the page's buttons. */
  async flow() {
    await state('welcome');
    await picture('1-welcome');
    await page.click('#primary');
    await state('enrolling');
    await progress(50);
    await picture('2-enrolling');
    await state('enrolled');
    await page.waitForTimeout(500);
    await picture('3-enrolled');
    const evidence = await text('#evidence-words');
    await page.click('#primary');
    await progress(30);
    await picture('4-verifying');
    const me = await answer();
    await picture('5-accepted');
    await page.click('summary');
    await picture('6-evidence');
    const others = {};
    for (const other of options.others ?? []) {
      await page.click('summary');
      await page.evaluate(showPhoto, `kit/${other}`);
      await page.click('#primary');
      others[other] = await answer();
      await picture(`7-${others[other].state}`);
    }
    await page.click('button:has-text("Forget me")');
    await state('welcome');
    return { me, others, evidence, cameraAfter: await page.evaluate(() => document.getElementById('video').srcObject) };
  },

  /** verifier.onnx in this browser's onnxruntime-web on the golden vectors. */
  async golden() {
    await state('welcome');
    return page.evaluate(async ({ cases, files }) => {
      const ort = await import('./ort/ort.wasm.min.mjs');
      ort.env.wasm.wasmPaths = new URL('./ort/', location.href).href;
      ort.env.wasm.numThreads = 1;
      const { readNpy } = await import('./node/core/npy.js');
      const bytes = async (name) => new Uint8Array(await (await fetch(`./kit/${name}`)).arrayBuffer());
      const session = await ort.InferenceSession.create(await bytes(files.model));
      const found = [];
      for (const { name, image } of cases) {
        const { data, shape } = readNpy(image, await bytes(image));
        const feed = { image: new ort.Tensor('uint8', data, [1, ...shape]) };
        const out = await session.run(feed);
        const start = performance.now();
        for (let n = 0; n < 20; n++) await session.run(feed);
        const ms = (performance.now() - start) / 20;
        found.push({ name, ms, ...Object.fromEntries(Object.entries(out).map(([key, tensor]) => [key, Array.from(tensor.data)])) });
      }
      return found;
    }, JSON.parse(readFileSync(options.cases, 'utf8')));
  },

  /** Enroll, verify, save; then offline: load the page again, open what was saved, verify. */
  async keep() {
    await state('welcome');
    await page.evaluate(() => {
      const { postMessage } = Worker.prototype;
      Worker.prototype.postMessage = function (message, ...rest) {
        if (message.method === 'enroll') window.began = performance.now();
        return postMessage.call(this, message, ...rest);
      };
      const seen = () => (window.comparing ??= performance.now() - window.began);
      const shown = document.getElementById('page');
      new MutationObserver(() => shown.dataset.state === 'enrolled' && seen()).observe(shown, { attributes: true });
    });
    const focused = await enrollByKeyboard();
    await picture('keep-1-enrolled');
    const breaks = { enrolled: await accessibility() };
    const comparing = await page.evaluate(() => window.comparing);
    const me = await verifyNow();
    await page.click('summary');
    breaks[me.state] = await accessibility();
    await picture('keep-2-accepted');
    await page.click('button:has-text("Save")');
    await (await page.waitForEvent('download')).saveAs(options.saved);
    await page.evaluate(() => navigator.serviceWorker.ready);
    await context.setOffline(true);
    const logged = problems.length;
    const online = await page.evaluate(() => fetch(`./absent-${Math.random()}`).then(() => true, () => false));
    problems.length = logged; // the browser logs that request, which must fail
    await page.reload();
    await state('welcome');
    breaks.welcome = await accessibility();
    await picture('keep-3-offline');
    const opened = await openFiles([options.saved]);
    await picture('keep-4-opened');
    return { focused, breaks, comparing, me, online, opened, again: await verifyNow(), focusedLast: await focus() };
  },

  /** A bundle from elsewhere: opened, and verified with the camera. */
  async open() {
    const opened = await openFiles(options.files);
    await picture('open-1');
    if ((await page.getAttribute('#page', 'data-state')) === 'error') return { opened };
    const me = await verifyNow();
    await picture('open-2');
    return { opened, me };
  },

  /** Stop while views are compared: the page stays as it was left. */
  async stop() {
    await state('welcome');
    await page.evaluate(() => {
      const { postMessage } = Worker.prototype;
      Worker.prototype.postMessage = function (message, ...rest) {
        if (message.method !== 'enroll') return postMessage.call(this, message, ...rest);
        setTimeout(() => postMessage.call(this, message, ...rest), 1500); // a slow device
      };
    });
    await page.click('#primary');
    await page.waitForFunction(() => document.getElementById('hint').textContent.startsWith('Setting the threshold'));
    await page.click('#primary'); // Stop
    await state('welcome');
    await page.waitForTimeout(4000);
    return { state: await page.getAttribute('#page', 'data-state'), headline: await text('h1'), focused: await focus() };
  },

  /** Photos through the page's own modules: the reason or the crop's bytes, the outputs, and milliseconds. */
  async photos() {
    await state('welcome');
    const found = await page.evaluate(async (photos) => {
      const ort = await import('./ort/ort.wasm.min.mjs');
      ort.env.wasm.wasmPaths = new URL('./ort/', location.href).href;
      ort.env.wasm.numThreads = 1;
      ort.env.logLevel = 'error';
      const bytes = async (name) => new Uint8Array(await (await fetch(name)).arrayBuffer());
      const [{ readBundle }, { openDetector }, { openFinder }, { openVerifier }] = await Promise.all(
        ['bundle', 'detector', 'faces', 'verifier'].map((name) => import(`./node/core/${name}.js`)),
      );
      const detector = await openDetector(ort, await bytes('./models/face_detection_yunet_2023mar.onnx'));
      let recorded; // the outputs of another host's detector, in place of this one's
      const replay = (height, width) =>
        [1, 1, 4, 10].flatMap((channels) =>
          [8, 16, 32].map((stride) => {
            const count = Math.floor(height / stride) * Math.floor(width / stride) * channels;
            const output = recorded.slice(0, count);
            recorded = recorded.subarray(count);
            return output;
          }),
        );
      const detect = (planes, height, width) => (recorded ? replay(height, width) : detector(planes, height, width));
      const find = await openFinder(await bytes('./node/core/facedge.wasm'), detect);
      const verifiers = {};
      const results = [];
      for (const { name, height, width, bundle, outputs } of photos) {
        const read = (file) => bytes(`./${bundle}/${file}`);
        verifiers[bundle] ??= await openVerifier(ort, await readBundle({ read }, ['verifier.onnx']), { find });
        const picture = { data: await bytes(`./kit/${name}`), height, width };
        recorded = outputs && new Float32Array((await bytes(`./kit/${outputs}`)).buffer);
        const { crop, reason } = await find(picture);
        recorded = undefined;
        const answer = crop && (await verifiers[bundle].infer(crop));
        if (verifiers[bundle].manifest.enrolled) await verifiers[bundle].verifyPhoto(picture); // the first call is slow
        const start = performance.now();
        const { accepted, score } = verifiers[bundle].manifest.enrolled ? await verifiers[bundle].verifyPhoto(picture) : {};
        const ms = performance.now() - start;
        results.push({
          name, reason, accepted, score, ms, crop: crop && Array.from(crop.data), embedding: answer && Array.from(answer.embedding),
        });
      }
      return results;
    }, options.photos);
    return found;
  },

  /** Requests to another server, which the content security policy must block. */
  async leak() {
    await state('welcome');
    return page.evaluate(async (elsewhere) => {
      const attempts = {
        fetch: () => fetch(elsewhere),
        beacon: async () => navigator.sendBeacon(elsewhere, 'face'),
        image: () => Object.assign(new Image(), { src: elsewhere }).decode(),
        socket: () => new Promise((resolve, reject) => Object.assign(new WebSocket(elsewhere.replace('http', 'ws')), { onopen: resolve, onerror: reject })),
      };
      for (const attempt of Object.values(attempts)) await attempt().catch(() => {}); // the listening server counts what arrives
      await new Promise((resolve) => setTimeout(resolve, 500));
      return Object.keys(attempts);
    }, options.elsewhere);
  },

  /** The page's message where it cannot work. */
  async refused() {
    await state('welcome|error');
    if ((await page.getAttribute('#page', 'data-state')) === 'welcome') {
      await page.click('#primary');
      await state('error');
    }
    await picture('refused');
    return { headline: await text('h1'), hint: await text('#hint') };
  },
};

try {
  await page.goto(options.url);
  const result = await tasks[options.task]();
  console.log(JSON.stringify({ result, problems, requests }));
} catch (error) {
  const shown = await page.evaluate(() => `${document.querySelector('h1')?.textContent}: ${document.getElementById('hint')?.textContent}`);
  console.log(JSON.stringify({ failure: String(error), shown, problems, requests }));
  process.exitCode = 1;
} finally {
  await browser.close();
}
