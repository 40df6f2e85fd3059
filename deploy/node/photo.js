// Image files to pixels, by the optional dependency sharp: JPEG, PNG, WebP, and what else it was built with.

const MOST_PIXELS = 100e6; // as facedge's own limit on photos

/** @param {string | Uint8Array} file a path, or the bytes of an image file @returns RGB {data, height, width}, upright */
export async function readPhoto(file) {
  const { default: sharp } = await import('sharp').catch(() => {
    throw new Error('reading image files needs sharp: npm install sharp, or give pixels {data, height, width}');
  });
  // No colour profile is applied: facedge applies none, and the backbone was trained so.
  const image = sharp(file, { ignoreIcc: true, limitInputPixels: MOST_PIXELS }).autoOrient().flatten({ background: '#fff' });
  const { data, info } = await image.toColourspace('srgb').removeAlpha().raw().toBuffer({ resolveWithObject: true });
  return { data: new Uint8Array(data.buffer, data.byteOffset, data.length), height: info.height, width: info.width };
}
