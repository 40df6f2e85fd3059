// Pictures that every language draws the same, in integers only: facedge/runtime/golden.py `draw`.

export function draw(height, width, channels = 3) {
  const data = new Uint8Array(height * width * channels).fill(255);
  for (let row = 0, at = 0; row < height; row++) {
    for (let column = 0; column < width; column++, at += channels) {
      const [y, x] = [Math.floor((row * 256) / height), Math.floor((column * 256) / width)];
      const ring = Math.floor(((x - 128) ** 2 + (y - 150) ** 2) / 97);
      data.set([(x * y) >> 8, (3 * x + ring) & 255, (ring ^ (y >> 1)) & 255], at);
    }
  }
  return { data, width, height, channels };
}

/** Embeddings of `people` persons with `each` rows: a direction of their own plus a little noise. */
export function randomCohort(people, each, { dimensions = 24, noise = 0.4, seed = 3 } = {}) {
  const random = gaussian(seed);
  const rows = [];
  const who = [];
  for (let person = 0; person < people; person++) {
    const middle = Array.from({ length: dimensions }, random);
    for (let n = 0; n < each; n++) {
      rows.push(unit(middle.map((value) => value + noise * random())));
      who.push(100 + person);
    }
  }
  return { rows, people: who };
}

function unit(values) {
  const length = Math.hypot(...values);
  return Float32Array.from(values, (value) => value / length);
}

function gaussian(seed) {
  let state = seed;
  const next = () => (state = (state * 48271) % 2147483647) / 2147483647;
  return () => Math.sqrt(-2 * Math.log(next())) * Math.cos(2 * Math.PI * next());
}
