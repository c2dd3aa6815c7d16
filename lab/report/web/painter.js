/* How everything looks. Kinds of bars and marks differ in shape as well as in colour. */

const FONT = "11px system-ui, sans-serif";
const BOLD = "600 13px system-ui, sans-serif";
const COLORS = [
  "background", "text", "dim", "line", "panel", "waiting", "waiting-line", "inside", "inside-text", "paused", "lost",
  "killed", "green", "red", "mark", "arrow", "fault", "invalid", "focus",
];
const LABEL = 16; // pixels that a bar with a label has at least
const FENCE_WIDTH = 10; // pixels that each has at least
const FENCE_DIGITS = 6; // of a fence, which is a large number; pointing at the bar shows all

/* Each kind of bar: where in its row it is, as shares of the row's height, its colour, and how it is filled. */
const BARS = {
  waiting: { top: 0.3, bottom: 0.7, color: "waiting", outline: "waiting-line" },
  inside: { top: 0, bottom: 1, color: "inside", text: "inside-text" },
  paused: { top: 0, bottom: 1, color: "paused", text: "text", hatched: true },
  "cut off": { top: 0.15, bottom: 0.85, color: "paused", text: "text", dashed: true },
  "server down": { top: 0, bottom: 1, color: "killed", text: "background" },
  "lease lost": { top: 0, bottom: 1, color: "lost", text: "text", dashed: true },
  killed: { top: 0.45, bottom: 0.55, color: "killed", crossed: true },
  green: { top: 0.5, bottom: 1, color: "green" },
  red: { top: 0, bottom: 0.5, color: "red" },
};

const MARKS = {
  dot: (c, x, y) => c.arc(x, y, 2, 0, 7),
  up: (c, x, y) => polygon(c, [[x - 4, y + 3], [x + 4, y + 3], [x, y - 4]]),
  down: (c, x, y) => polygon(c, [[x - 4, y - 3], [x + 4, y - 3], [x, y + 4]]),
  diamond: (c, x, y) => polygon(c, [[x - 4, y], [x, y - 5], [x + 4, y], [x, y + 5]]),
  hollow: (c, x, y) => polygon(c, [[x - 4, y], [x, y - 5], [x + 4, y], [x, y + 5]]),
  square: (c, x, y) => c.rect(x - 3, y - 3, 6, 6),
  cross: (c, x, y) => strokes(c, [[x - 4, y - 4, x + 4, y + 4], [x - 4, y + 4, x + 4, y - 4]]),
  bar: (c, x, y) => strokes(c, [[x, y - 6, x, y + 6]]),
};
const LINES = new Set(["hollow", "cross", "bar"]); // shapes that are not filled

function polygon(c, [[x, y], ...others]) {
  c.moveTo(x, y);
  for (const point of others) c.lineTo(...point);
  c.closePath();
}

function strokes(c, lines) {
  for (const [x, y, toX, toY] of lines) {
    c.moveTo(x, y);
    c.lineTo(toX, toY);
  }
}

function overlap(one, other) {
  return (
    Math.abs(one.x + one.width / 2 - other.x - other.width / 2) < (one.width + other.width) / 2 &&
    Math.abs(one.y - other.y) < one.height
  );
}

function shortFence(fence) {
  const digits = String(fence ?? "");
  return digits && `#${digits.length > FENCE_DIGITS ? "…" : ""}${digits.slice(-FENCE_DIGITS)}`;
}

class Painter {
  constructor(canvas, texts) {
    this.texts = texts;
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.readColors();
  }

  readColors() {
    const style = getComputedStyle(document.documentElement);
    this.colors = Object.fromEntries(COLORS.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
  }

  resize(width, height) {
    this.scale = window.devicePixelRatio || 1;
    [this.width, this.height] = [width, height];
    this.gutter = Math.min(150, Math.round(width * 0.27));
    Object.assign(this.canvas, { width: width * this.scale, height: height * this.scale });
    Object.assign(this.canvas.style, { width: `${width}px`, height: `${height}px` });
  }

  x(time) {
    return this.gutter + ((time - this.view.start) / this.view.length) * (this.width - this.gutter);
  }

  time(x) {
    return this.view.start + ((x - this.gutter) / (this.width - this.gutter)) * this.view.length;
  }

  /** Draw what is visible of the picture, whose first visible pixel is `top`. */
  paint({ runs, layout, view, top, selected, evidence }) {
    Object.assign(this, { view, layout, top, fences: new Map() }); // fences: where they are, by their rows
    const c = this.context;
    c.setTransform(this.scale, 0, 0, this.scale, 0, 0);
    this.fill("background", 0, 0, this.width, this.height);
    const visible = layout.lines.filter((line) => line.y + line.height > top + AXIS && line.y < top + this.height);
    this.inPlot(() => {
      runs.forEach((run, number) => this.faults(run, number));
      for (const line of visible) this.content(line);
      runs.forEach((run, number) => this.arrows(run, number));
      for (const each of evidence) this.evidence(each);
      if (selected) this.selection(selected);
    });
    for (const line of visible) this.label(line);
    this.axis();
  }

  fill(color, x, y, width, height) {
    this.context.fillStyle = this.colors[color];
    this.context.fillRect(x, y, width, height);
  }

  stroke(color, width = 1) {
    Object.assign(this.context, { strokeStyle: this.colors[color], lineWidth: width });
    this.context.stroke();
  }

  text(text, x, y, color, font = FONT, width = Infinity) {
    const c = this.context;
    Object.assign(c, { font, fillStyle: this.colors[color], textBaseline: "middle" });
    let shown = text;
    while (shown.length > 1 && c.measureText(shown === text ? text : `${shown}…`).width > width) shown = shown.slice(0, -1);
    c.fillText(shown === text ? text : `${shown}…`, x, y);
  }

  textWidth(text) {
    this.context.font = FONT;
    return this.context.measureText(text).width;
  }

  /** Draw to the right of the labels and below the axis only. */
  inPlot(draw) {
    const c = this.context;
    c.save();
    c.beginPath();
    c.rect(this.gutter, AXIS, this.width - this.gutter, this.height - AXIS);
    c.clip();
    draw();
    c.restore();
  }

  label({ kind, y, height, title, lane, counter }) {
    const middle = y - this.top + height / 2;
    if (kind === "run") this.text(title, 8, middle + 2, "text", BOLD, this.width - 16);
    if (kind === "host") this.text(title, 8, middle, "dim", FONT, this.gutter - 12);
    if (kind === "lane") this.text(lane.who, 8, y - this.top + ROW / 2 + 1, "text", FONT, this.gutter - 12);
    if (kind === "counter") {
      this.text(counter.title, 8, middle - 6, "dim", FONT, this.gutter - 12);
      this.text(fill(this.texts.at_most, { count: counter.most }), 8, middle + 7, "dim", FONT, this.gutter - 12);
    }
  }

  content(line) {
    if (line.kind === "run") this.fill("line", this.gutter, line.y - this.top, this.width, 1);
    if (line.kind === "counter") this.counter(line);
    if (line.kind === "lane") this.lane(line);
  }

  lane({ y, lane }) {
    const top = y - this.top;
    const end = Math.min(this.x(lane.end), this.width);
    this.fill("line", this.x(lane.start), top + ROW / 2, Math.max(1, end - this.x(lane.start)), 1);
    const last = {}; // the last pixel that a kind of bar has on each row: what is not wider is not drawn twice
    for (const span of lane.spans) {
      const [from, to] = [this.x(span.time), this.x(span.end)];
      const key = `${span.row} ${span.kind}`;
      if (!this.layout.shows(span) || to < this.gutter || from > this.width || to < last[key]) continue;
      last[key] = Math.floor(from) + 1;
      const place = [Math.max(from, this.gutter - 5), Math.min(to, this.width + 5), top + span.row * ROW + 1];
      this.bar(span, ...place);
      this.barLabel(span, ...place);
    }
    let drawn = -Infinity;
    for (const mark of lane.marks) {
      const x = this.x(mark.time);
      if (!this.layout.shows(mark) || x < this.gutter - 5 || x > this.width + 5 || x < drawn + 1) continue;
      drawn = x;
      this.mark(mark.shape, x, top + ROW / 2 + 1);
    }
  }

  bar(span, from, to, top) {
    const c = this.context;
    const bar = BARS[span.kind];
    const [x, width] = [from, Math.max(1.5, to - from)];
    const [y, height] = [top + bar.top * (ROW - 2), (bar.bottom - bar.top) * (ROW - 2)];
    c.beginPath();
    c.rect(x, y, width, height);
    if (bar.dashed) {
      c.setLineDash([3, 2]);
      this.stroke(bar.color, 1.5);
      c.setLineDash([]);
    } else {
      c.globalAlpha = bar.hatched ? 0.35 : 1;
      this.fill(bar.color, x, y, width, height);
      c.globalAlpha = 1;
      if (bar.hatched) this.hatch(bar.color, x, y, width, height);
      if (bar.outline && width > 3) this.stroke(bar.outline, 0.5);
    }
    if (bar.crossed) this.mark("cross", from, top + ROW / 2);
  }

  barLabel(span, from, to, top) {
    const { text, top: above, bottom } = BARS[span.kind];
    if (!text || to - from < LABEL) return;
    const label = [span.kind === "inside" ? span.on : this.texts.kinds[span.kind], shortFence(span.fence)].filter(Boolean).join(" ");
    const middle = top + ((above + bottom) / 2) * (ROW - 2);
    if (to - from > this.textWidth(label) + 8) this.text(label, from + 4, middle + 0.5, text);
  }

  hatch(color, x, y, width, height) {
    const c = this.context;
    c.save();
    c.beginPath();
    c.rect(x, y, width, height);
    c.clip();
    c.beginPath();
    for (let at = x - height; at < x + width; at += 5) strokes(c, [[at, y + height, at + height, y]]);
    this.stroke(color);
    c.restore();
  }

  mark(shape, x, y) {
    const c = this.context;
    c.beginPath();
    MARKS[shape](c, x, y);
    if (LINES.has(shape)) this.stroke("mark", 1.5);
    else {
      c.fillStyle = this.colors.mark;
      c.fill();
      this.stroke("background", 0.7);
    }
  }

  counter({ y, height, counter, elapsed }) {
    const c = this.context;
    const bottom = y - this.top + height - 4;
    const [left, right] = [this.gutter - 2, this.width + 2]; // out of sight
    const end = Math.min(this.x(elapsed), right);
    const start = Math.max(left, Math.round(this.x(counter.steps[0][0])));
    c.beginPath();
    c.moveTo(start, bottom);
    let level = bottom;
    let column = { x: start, first: bottom, low: bottom, high: bottom }; // of pixels
    const leave = () => {
      for (const each of [column.first, column.low, column.high, level]) c.lineTo(column.x, each);
    };
    for (const [when, count] of counter.steps) {
      const x = Math.max(left, Math.round(this.x(when)));
      if (x > end) break;
      if (x !== column.x) {
        leave();
        column = { x, first: level, low: level, high: level };
      }
      level = bottom - (count / counter.most) * (height - 8);
      column.low = Math.max(column.low, level);
      column.high = Math.min(column.high, level);
    }
    leave();
    c.lineTo(end, level);
    c.lineTo(end, bottom);
    c.closePath();
    c.fillStyle = this.colors.waiting;
    c.fill();
    this.stroke("waiting-line");
  }

  faults(run, number) {
    const place = this.layout.runs.get(number);
    if (!place) return;
    let drawn = -Infinity; // the last pixel that is shaded
    for (const span of run.faults) {
      const [from, to] = [Math.max(this.x(span.time), this.gutter), Math.min(this.x(span.end), this.width)];
      if (to < Math.max(drawn, this.gutter) || from > this.width) continue;
      drawn = Math.floor(Math.max(from + 1, to));
      this.fill("fault", from, place.top - this.top, Math.max(1, to - from), place.bottom - place.top);
    }
  }

  /** Draw one arrow into each pixel of a lane, and of those that only leave a lane or pass by, one for each pixel. */
  arrows(run, number) {
    const { layout, top } = this;
    const isVisible = (line) => line.y + line.height > top && line.y < top + this.height;
    const drawn = new Set();
    const visible = [];
    for (const arrow of run.arrows) {
      const [x, toX] = [this.x(arrow.from.time), this.x(arrow.to.time)];
      if (toX < this.gutter || x > this.width || !layout.shows(arrow)) continue;
      const [from, to] = [layout.lineOf(number, arrow.from.lane), layout.lineOf(number, arrow.to.lane)];
      if (!from || !to || Math.max(from.y, to.y) < top || Math.min(from.y, to.y) > top + this.height) continue;
      const key = isVisible(to) ? `to ${to.y} ${Math.round(toX)}` : `${isVisible(from) ? from.y : "past"} ${Math.round(x)}`;
      if (drawn.has(key)) continue;
      drawn.add(key);
      const middle = (line) => line.y - top + ROW / 2 + 1;
      visible.push({ arrow, points: [x, middle(from), toX, middle(to)] });
    }
    for (const { points } of visible) this.arrow(points);
    for (const { arrow, points } of visible) this.fence(points, shortFence(arrow.fence));
  }

  arrow([x, y, toX, toY]) {
    const c = this.context;
    const angle = Math.atan2(toY - y, toX - x);
    c.beginPath();
    strokes(c, [[x, y, toX, toY]]);
    this.stroke("arrow");
    c.beginPath();
    const side = (turn) => [toX - 7 * Math.cos(angle + turn), toY - 7 * Math.sin(angle + turn)];
    polygon(c, [[toX, toY], side(0.4), side(-0.4)]);
    c.fillStyle = this.colors.arrow;
    c.fill();
  }

  /** Write the fence beside an arrow, unless it would cover another one. */
  fence([x, y, toX, toY], fence) {
    const box = { x: (x + toX) / 2 + 4, y: (y + toY) / 2 - 7, width: FENCE_WIDTH, height: 13 };
    if (!fence || box.x < this.gutter || box.x > this.width || box.y < 0 || box.y > this.height) return;
    const row = Math.floor(box.y / box.height);
    const near = [row - 1, row, row + 1].flatMap((each) => this.fences.get(each) ?? []);
    if (near.some((each) => overlap(each, box))) return;
    box.width = this.textWidth(fence) + 4;
    if (near.some((each) => overlap(each, box))) return;
    this.fences.set(row, [...(this.fences.get(row) ?? []), box]);
    this.fill("background", box.x, box.y, box.width, box.height);
    this.text(fence, box.x + 2, box.y + 7, "arrow");
  }

  evidence({ run, lane, time }) {
    const line = this.layout.lineOf(run, lane);
    if (!line) return;
    const c = this.context;
    const [x, y] = [this.x(time), line.y - this.top + ROW / 2 + 1];
    c.beginPath();
    c.arc(x, y, 9, 0, 7);
    this.stroke("invalid", 2);
    this.text("!", x - 1.5, y - 15, "invalid", BOLD);
  }

  selection({ run, item }) {
    const line = this.layout.lineOf(run, item.lane);
    if (!line) return;
    const c = this.context;
    const [from, to] = [this.x(item.time), this.x(item.end ?? item.time)];
    c.beginPath();
    c.rect(from - 4, line.y - this.top + (item.row ?? 0) * ROW - 1, Math.max(8, to - from + 8), ROW + 3);
    this.stroke("focus", 2);
  }

  axis() {
    this.fill("panel", 0, 0, this.width, AXIS);
    const rough = (this.view.length / (this.width - this.gutter)) * 90;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((factor) => factor * power).find((each) => each >= rough);
    const digits = Math.max(0, -Math.floor(Math.log10(step)));
    for (let number = Math.ceil(Math.max(0, this.view.start) / step); number * step <= this.view.end; number++) {
      const x = this.x(number * step);
      if (x < this.gutter) continue;
      this.fill("line", x, 0, 1, this.height);
      this.text(`${(number * step).toFixed(digits)} s`, x + 4, AXIS / 2, "dim");
    }
    this.fill("line", 0, AXIS - 1, this.width, 1);
  }
}
