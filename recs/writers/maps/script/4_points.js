// Points are written into the pixels of a bitmap: 300,000 take some tens of milliseconds without a graphics card.
const PALE = [154, 160, 168], SOFT_FROM = 5000, SOFT_CELL = 6;
const rgb = text => [1, 3, 5].map(at => parseInt(text.slice(at, at + 2), 16));
let palette = [];

function pointRadius() {
  return Math.min(7, Math.max(1.1, 75 / Math.sqrt(n || 1)) * view.zoom ** 0.35);
}

// How much of each pixel of a small square a disc covers.
function discMask(radius) {
  const size = 2 * Math.ceil(radius) + 1, middle = (size - 1) / 2, mask = new Float32Array(size * size);
  for (let row = 0; row < size; row++)
    for (let column = 0; column < size; column++)
      mask[row * size + column] = Math.max(0, Math.min(1, radius + 0.5 - Math.hypot(row - middle, column - middle)));
  return {size, mask};
}

// A step that leads through all rows in an order without pattern, so that no topic covers the others.
function strideOf(count) {
  const divisor = (a, b) => b ? divisor(b, a % b) : a;
  let stride = Math.max(1, Math.floor(count * 0.618));
  while (divisor(stride, count) > 1) stride++;
  return stride;
}

function stampPoints(image, ratio, test, alpha) {
  const {a, b, c, d} = projection(), {size, mask} = discMask(pointRadius() * ratio);
  const half = (size - 1) / 2, w = image.width, h = image.height, pixels = image.data, stride = strideOf(n);
  for (let turn = 0, i = 0; turn < n; turn++, i = (i + stride) % n) {
    if (!test(i)) continue;
    const left = Math.round((x[i] * a + b) * ratio) - half, top = Math.round((y[i] * c + d) * ratio) - half;
    if (left < 0 || top < 0 || left + size > w || top + size > h) continue;
    const [red, green, blue] = topicOf[i] < 0 ? PALE : palette[topicOf[i]];
    for (let row = 0, at = 0; row < size; row++) {
      let pixel = ((top + row) * w + left) * 4;
      for (let column = 0; column < size; column++, at++, pixel += 4) {
        const share = mask[at] * alpha;
        if (!share) continue;
        pixels[pixel] += (red - pixels[pixel]) * share;
        pixels[pixel + 1] += (green - pixels[pixel + 1]) * share;
        pixels[pixel + 2] += (blue - pixels[pixel + 2]) * share;
      }
    }
  }
}

// Soft areas: how many points there are around each place of the window, in the mean of their colours.
function softAreas() {
  const columns = Math.ceil(width() / SOFT_CELL), rows = Math.ceil(height() / SOFT_CELL), {a, b, c, d} = projection();
  let cells = new Float32Array(columns * rows * 4);
  for (let i = 0; i < n; i++) {
    if (!lit[i] || topicOf[i] < 0) continue;
    const column = Math.floor((x[i] * a + b) / SOFT_CELL), row = Math.floor((y[i] * c + d) / SOFT_CELL);
    if (column < 0 || row < 0 || column >= columns || row >= rows) continue;
    const at = (row * columns + column) * 4, colour = palette[topicOf[i]];
    for (let channel = 0; channel < 3; channel++) cells[at + channel] += colour[channel];
    cells[at + 3]++;
  }
  for (let time = 0; time < 3; time++) cells = blurred(blurred(cells, columns, rows, 4, columns * 4), rows, columns, columns * 4, 4);
  const image = new ImageData(columns, rows), usual = litCount / (columns * rows) * 2 || 1;
  for (let at = 0; at < cells.length; at += 4) {
    const amount = cells[at + 3];
    if (amount < 1e-3) continue;
    for (let channel = 0; channel < 3; channel++) image.data[at + channel] = cells[at + channel] / amount;
    image.data[at + 3] = 120 * (1 - Math.exp(-amount / usual));
  }
  return image;
}

// The mean of five cells along one axis; `step` leads to the next cell, `jump` to the next line.
function blurred(cells, length, lines, step, jump) {
  const result = new Float32Array(cells.length);
  for (let line = 0; line < lines; line++)
    for (let channel = 0; channel < 4; channel++) {
      const start = line * jump + channel;
      let sum = 0;
      for (let at = -2; at < length + 2; at++) {
        if (at + 2 < length && at + 2 >= 0) sum += cells[start + (at + 2) * step];
        if (at - 3 >= 0) sum -= cells[start + (at - 3) * step];
        if (at >= 0 && at < length) result[start + at * step] = sum / 5;
      }
    }
  return result;
}
