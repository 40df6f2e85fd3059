// The camera of this device, through the browser.

const REFUSALS = {
  NotAllowedError: 'The camera is not allowed for this page. Allow it in the address bar and try again.',
  NotFoundError: 'No camera was found. Plug one in and try again.',
  NotReadableError: 'Another program uses the camera. Close it and try again.',
};

/** The camera's stream; throws with a sentence for people where there is none. */
export async function requestCamera() {
  if (!navigator.mediaDevices) throw new Error('Browsers give the camera to https pages and to localhost only.');
  const wanted = { width: { ideal: 640 }, height: { ideal: 480 }, facingMode: 'user' };
  try {
    return await navigator.mediaDevices.getUserMedia({ video: wanted, audio: false });
  } catch (error) {
    throw new Error(REFUSALS[error.name] ?? `The camera does not start: ${error.message}`);
  }
}

/** Turn the camera off, and its light with it. */
export function closeCamera(video) {
  endStream(video.srcObject);
  video.srcObject = null;
}

/** A stream that is not to be shown any more. */
export function endStream(stream) {
  for (const track of stream?.getTracks() ?? []) track.stop();
}

/** Whether the stream is live: false once the camera was unplugged or its permission withdrawn. */
export function isLive(video) {
  return video.srcObject?.getVideoTracks().some((track) => track.readyState === 'live') ?? false;
}

const canvas = document.createElement('canvas');
const context = canvas.getContext('2d', { willReadFrequently: true });

/** The frame that is shown now. @returns {import('../../node/core/faces.js').Picture} */
export function grab(video) {
  const [width, height] = [video.videoWidth, video.videoHeight];
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  context.drawImage(video, 0, 0);
  return { data: context.getImageData(0, 0, width, height).data, width, height };
}
