/**
 * The picture: how much light of which colour has fallen on each pixel, fading from frame to frame. In the dark, light adds
 * up; on paper, ink does.
 */

/** Colours of the arms, for both grounds: as far apart as four may be for most colour-blind eyes, too. */
export const COLOURS = {
  dark: ['#6ea8ff', '#ffb454', '#ff6f91', '#5fe0c0', '#c39bff', '#f2e85c', '#9fd3ff', '#ff9e7a'],
  light: ['#1d63ed', '#e8780a', '#d6226a', '#06997a', '#7448c7', '#8a7a00', '#2b7fa8', '#b5492a'],
};

/** Pixels that are computed at most; larger screens show them larger. */
const MAX_PIXELS = 1_200_000;
/** What is left of a star's light in the next frame. */
const FADE = 0.82;
/** Steps between no light and the most. */
const LEVELS = 2048;
const FULL = 8;

/** How the galaxy is seen: how flat, how far it leans, and how much of the picture's width it takes. */
const FLAT = 0.52;
const LEAN = -0.16;
const WIDE = 0.9;
const [COS, SIN] = [Math.cos(LEAN), Math.sin(LEAN)];

export class Picture {
  #canvas;
  #context;
  #scheme = matchMedia('(prefers-color-scheme: dark)');
  #light = new Float32Array(0);
  #image = new ImageData(1, 1);
  #tones = new Uint8Array(0);
  #limits = new Float32Array(0);

  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.#canvas = canvas;
    this.#context = canvas.getContext('2d', { alpha: false });
    new ResizeObserver(() => this.#resize()).observe(canvas);
    this.#scheme.addEventListener('change', () => this.#resize());
    this.#resize();
  }

  /** @param {number} arm */
  colour(arm) {
    const list = this.#scheme.matches ? COLOURS.dark : COLOURS.light;
    return list[arm % list.length];
  }

  /** Where in the galaxy a point of the window is. */
  toGalaxy(clientX, clientY) {
    const box = this.#canvas.getBoundingClientRect();
    const unit = (box.width / 2) * WIDE;
    const right = (clientX - box.left - box.width / 2) / unit;
    const down = (clientY - box.top - box.height / 2) / unit;
    return [right * COS + down * SIN, (down * COS - right * SIN) / FLAT];
  }

  /**
   * Draws a frame. `sow` is called with a function that puts a star of an arm somewhere.
   * @param {(plot: (x: number, y: number, arm: number) => void) => void} sow
   */
  draw(sow) {
    const light = this.#light;
    for (let i = 0; i < light.length; i++) light[i] *= FADE;
    const { width, height } = this.#canvas;
    const unit = (width / 2) * WIDE;
    // The larger the picture, the further apart are its stars: all together they are as bright.
    const strength = (unit / 300) ** 2;
    const shares = COLOURS.light.map((_, arm) => this.#share(arm).map((c) => c * strength));
    sow((x, y, arm) => {
      const px = unit * (x * COS - y * FLAT * SIN) + width / 2 - 0.5;
      const py = unit * (x * SIN + y * FLAT * COS) + height / 2 - 0.5;
      const left = Math.floor(px);
      const top = Math.floor(py);
      if (left < 0 || top < 0 || left >= width - 1 || top >= height - 1) return;
      const [r, g, b] = shares[arm % shares.length];
      // Over four pixels, by how near they are: stars move smoothly.
      const fx = px - left;
      const fy = py - top;
      for (let k = 0; k < 4; k++) {
        const part = ((k & 1) === 0 ? 1 - fx : fx) * (k < 2 ? 1 - fy : fy);
        const at = 3 * ((top + (k >> 1)) * width + left + (k & 1));
        light[at] += r * part;
        light[at + 1] += g * part;
        light[at + 2] += b * part;
      }
    });
    this.#develop();
  }

  /** What a star of this arm adds to red, green and blue: light in the dark, on paper what ink takes away. */
  #share(arm) {
    const value = Number.parseInt(this.colour(arm).slice(1), 16);
    const rgb = [value >> 16, (value >> 8) & 255, value & 255].map((c) => Math.max(c, 8) / 255);
    if (this.#scheme.matches) return rgb.map((c) => 0.42 * c * c);
    // Ink takes the same part of the light again with each layer: the logarithm is what adds up.
    const inks = rgb.map((c) => -Math.log(c));
    return inks.map((ink) => (0.3 * ink) / Math.max(...inks));
  }

  #develop() {
    const light = this.#light;
    const tones = this.#tones;
    const limits = this.#limits;
    const { data } = this.#image;
    for (let i = 0, at = 0; i < light.length; i += 3, at += 4) {
      const [r, g, b] = [light[i], light[i + 1], light[i + 2]];
      const scale = limits[levelOf(Math.max(r, g, b))];
      data[at] = tones[levelOf(r * scale)];
      data[at + 1] = tones[levelOf(g * scale) + LEVELS];
      data[at + 2] = tones[levelOf(b * scale) + 2 * LEVELS];
    }
    this.#context.putImageData(this.#image, 0, 0);
  }

  #resize() {
    const canvas = this.#canvas;
    const { clientWidth, clientHeight } = canvas;
    const ratio = Math.min(devicePixelRatio, Math.sqrt(MAX_PIXELS / Math.max(1, clientWidth * clientHeight)));
    canvas.width = Math.max(2, Math.round(clientWidth * ratio));
    canvas.height = Math.max(2, Math.round(clientHeight * ratio));
    this.#light = new Float32Array(canvas.width * canvas.height * 3);
    this.#image = new ImageData(canvas.width, canvas.height);
    this.#image.data.fill(255);
    this.#tones = makeTones(this.#scheme.matches);
    this.#limits = makeLimits(this.#scheme.matches);
  }
}

const levelOf = (amount) => Math.min(LEVELS - 1, (amount * LEVELS) / FULL) | 0;
const amountOf = (level) => ((level + 0.5) * FULL) / LEVELS;

/** From amounts to the screen's values, of each channel, as film does it: the more there is, the less is added. */
function makeTones(dark) {
  const ground = dark ? [5, 7, 12] : [255, 253, 248];
  const tones = new Uint8Array(3 * LEVELS);
  for (const [channel, from] of ground.entries()) {
    for (let level = 0; level < LEVELS; level++) {
      const left = Math.exp(-amountOf(level));
      tones[channel * LEVELS + level] = dark ? 255 - (255 - from) * left : from * left;
    }
  }
  return tones;
}

/** What to multiply a pixel with. Light may grow until it is white; ink keeps its colour however dense it is. */
function makeLimits(dark) {
  const most = 3;
  return Float32Array.from({ length: LEVELS }, (_, level) => {
    const amount = amountOf(level);
    return dark ? 1 : (most * (1 - Math.exp(-amount / most))) / amount;
  });
}
