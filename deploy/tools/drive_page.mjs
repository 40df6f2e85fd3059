// Drives the built page in headless Chromium with a video as its camera, and prints what happened as one JSON object.
//
// usage: node drive_page.mjs '{"task": "flow" | "golden" | "sight" | "leak" | "refused", "url": ..., "chromium": ..., ...}'

import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';

const options = JSON.parse(process.argv[2]);
const { chromium } = createRequire(new URL('../web/package.json', import.meta.url))('playwright-core');

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
const page = await browser.newPage({
  viewport: { width: options.width ?? 430, height: options.height ?? 860 },
  deviceScaleFactor: options.scale ?? 1,
  colorScheme: options.colorScheme ?? 'light',
});
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
  const score = /Score (\S+), accepted from (\S+)/.exec(await text('#scale-words'));
  const shown = await page.isVisible('#scale');
  return {
    state: await page.getAttribute('#page', 'data-state'),
    headline: await text('h1'),
    score: shown ? Number(score[1]) : null,
    threshold: shown ? Number(score[2]) : null,
  };
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
    await page.click('#secondary');
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
      const { readNpy } = await import('./src/npy.js');
      const bytes = async (name) => new Uint8Array(await (await fetch(`./kit/${name}`)).arrayBuffer());
      const session = await ort.InferenceSession.create(await bytes(files.model));
      const found = [];
      for (const { name, image } of cases) {
        const { data, shape } = readNpy(await bytes(image));
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

  /** The page's own modules on one frame: faces, crop, embedding, times. */
  async sight() {
    await state('welcome');
    return page.evaluate(async ({ width, height }) => {
      const ort = await import('./ort/ort.wasm.min.mjs');
      ort.env.wasm.wasmPaths = new URL('./ort/', location.href).href;
      ort.env.wasm.numThreads = 1;
      const bytes = async (name) => new Uint8Array(await (await fetch(name)).arrayBuffer());
      const { readBundle } = await import('./src/bundle.js');
      const { makeFrameEmbedder } = await import('./src/sight.js');
      const { align } = await import('./src/align.js');
      const bundle = await readBundle((name) => bytes(`./bundle/${name}`));
      const embedFrame = await makeFrameEmbedder(ort, await bytes('./models/face_detection_yunet_2023mar.onnx'), bundle);
      const picture = { data: await bytes('./kit/frame.rgb'), width, height, channels: 3 };
      const seen = await embedFrame(picture);
      const times = [];
      for (let n = 0; n < 20; n++) times.push((await embedFrame(picture)).ms);
      const ms = Object.fromEntries(Object.keys(seen.ms).map((stage) => [stage, times.map((t) => t[stage]).sort((a, b) => a - b)[10]]));
      return { ...seen, ms, embedding: Array.from(seen.embedding), crop: Array.from(align(picture, seen.face.landmarks)) };
    }, options.frame);
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
