/* What the reader does: zoom, move, filter, point at something, go from event to event, jump to the evidence. */

const STEP = 0.2; // of what is shown, for a key or a button
const ZOOM = 0.7;
const NEAR = 7; // pixels

class Timeline {
  constructor({ runs, evidence, texts }) {
    Object.assign(this, { runs, evidence, texts, selected: null });
    arrange(runs);
    this.box = document.getElementById("timeline");
    this.canvas = document.getElementById("canvas");
    this.details = document.getElementById("details");
    this.filters = { process: document.getElementById("process"), primitive: document.getElementById("primitive") };
    this.painter = new Painter(this.canvas, texts);
    this.view = new View(Math.max(1e-4, ...runs.map((run) => run.elapsed)));
    this.places = evidence.flatMap(({ run, places }) => places.map((place) => ({ run, ...place })));
    this.arrange();
    this.listen();
    this.resize();
    showLegend(texts, runs);
  }

  arrange() {
    const { process, primitive } = this.filters;
    this.layout = new Layout(this.runs, this.texts, { process: process.value, primitive: primitive.value });
    this.resize();
  }

  resize() {
    this.box.style.height = `${this.layout.height + 2}px`; // as far as its largest height allows
    const height = Math.min(this.layout.height, this.box.clientHeight);
    document.getElementById("height").style.height = `${this.layout.height - height}px`;
    this.painter.resize(this.box.clientWidth, height);
    this.draw();
  }

  draw() {
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() =>
      this.painter.paint({ ...this, top: this.box.scrollTop, evidence: this.places }),
    );
  }

  listen() {
    const click = (id, action) => document.getElementById(id).addEventListener("click", action);
    click("zoom-in", () => this.zoom(ZOOM));
    click("zoom-out", () => this.zoom(1 / ZOOM));
    click("earlier", () => this.move(-STEP));
    click("later", () => this.move(STEP));
    click("all", () => this.showAll());
    for (const button of document.querySelectorAll("[data-evidence]")) {
      button.addEventListener("click", () => this.jump(this.evidence[button.dataset.evidence]));
    }
    for (const filter of Object.values(this.filters)) filter.addEventListener("input", () => this.arrange());
    this.box.addEventListener("scroll", () => this.draw());
    this.canvas.addEventListener("keydown", (event) => this.press(event));
    this.canvas.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    this.canvas.addEventListener("dblclick", (event) => this.zoom(ZOOM ** 3, this.painter.time(event.offsetX)));
    this.pointers = new Map();
    this.canvas.addEventListener("pointerdown", (event) => this.touch(event));
    this.canvas.addEventListener("pointermove", (event) => this.point(event));
    for (const end of ["pointerup", "pointercancel"]) this.canvas.addEventListener(end, (event) => this.release(event));
    new ResizeObserver(() => this.resize()).observe(this.box.parentElement);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      this.painter.readColors();
      showLegend(this.texts, this.runs);
      this.draw();
    });
  }

  zoom(factor, time) {
    this.view.zoom(factor, time);
    this.draw();
  }

  move(share) {
    this.view.move(share * this.view.length);
    this.draw();
  }

  showAll() {
    this.view.showAll();
    this.draw();
  }

  wheel(event) {
    const sideways = event.shiftKey ? event.deltaY : event.deltaX;
    if (event.ctrlKey || event.metaKey) this.zoom(1.002 ** event.deltaY, this.painter.time(event.offsetX));
    else if (sideways) this.move(sideways / this.painter.width);
    else return; // the page's own scrolling
    event.preventDefault();
  }

  press(event) {
    const actions = {
      ArrowLeft: () => this.move(-STEP),
      ArrowRight: () => this.move(STEP),
      "+": () => this.zoom(ZOOM),
      "=": () => this.zoom(ZOOM),
      "-": () => this.zoom(1 / ZOOM),
      0: () => this.showAll(),
      n: () => this.step(1),
      p: () => this.step(-1),
      j: () => this.changeLane(1),
      k: () => this.changeLane(-1),
    };
    const action = actions[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!action || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    action();
  }

  touch(event) {
    this.pointers.set(event.pointerId, event.offsetX);
    this.canvas.setPointerCapture(event.pointerId);
    this.canvas.classList.add("dragged");
  }

  release(event) {
    this.pointers.delete(event.pointerId);
    this.canvas.classList.remove("dragged");
  }

  /** Drag with one pointer, zoom with two, and otherwise describe what the pointer is at. */
  point(event) {
    const before = this.pointers.get(event.pointerId);
    if (before === undefined) {
      this.select(this.itemAt(event.offsetX, event.offsetY + this.box.scrollTop));
      return;
    }
    const [other] = [...this.pointers].filter(([id]) => id !== event.pointerId).map(([, x]) => x);
    if (other === undefined) this.move((before - event.offsetX) / (this.painter.width - this.painter.gutter));
    else this.zoom(Math.max(1, Math.abs(before - other)) / Math.max(1, Math.abs(event.offsetX - other)), this.painter.time(other));
    this.pointers.set(event.pointerId, event.offsetX);
  }

  /** The mark or the bar at a place of the picture, or the value of a counter. */
  itemAt(x, y) {
    const line = this.layout.lineAt(y);
    const time = this.painter.time(x);
    if (!line || x < this.painter.gutter) return null;
    if (line.kind === "counter") return { run: line.run, counter: line.counter, time };
    if (line.kind !== "lane") return null;
    const row = Math.floor((y - line.y) / ROW);
    const near = line.lane.marks.filter((mark) => this.layout.shows(mark) && Math.abs(this.painter.x(mark.time) - x) < NEAR);
    const distance = (mark) => Math.abs(mark.time - time);
    const [mark] = near.sort((one, other) => distance(one) - distance(other));
    const slack = (this.view.length / this.painter.width) * 2;
    const span = line.lane.spans.find(
      (each) => this.layout.shows(each) && each.row === row && each.time - slack <= time && time <= each.end + slack,
    );
    const item = row === 0 && mark ? mark : span;
    return item ? { run: line.run, item } : null;
  }

  select(found) {
    this.selected = found && found.item ? found : null;
    this.details.textContent = found ? this.describe(found) : "\u00a0";
    this.draw();
  }

  describe({ run, item, counter, time }) {
    const { texts } = this;
    const { label } = this.runs[run];
    if (counter) {
      const value = valueAt(counter, time);
      return fill(texts.counter_at, { run: label, time: formatSeconds(time), counter: counter.title, value });
    }
    const { who, pid, host } = this.runs[run].lanes[item.lane];
    const start = formatSeconds(item.time) + (item.error ? ` ± ${formatSeconds(item.error)}` : "");
    const duration = item.kind && formatSeconds(item.end - item.time);
    const facts = [
      item.kind ? `${texts.kinds[item.kind]} ${item.on ?? ""}`.trim() : [item.what, item.on, item.value].filter((each) => each != null).join(" "),
      item.kind ? fill(item.open ? texts.during_open : texts.during, { start, end: formatSeconds(item.end), duration }) : start,
      item.letInBy && fill(texts.let_in_by, { who: item.letInBy }),
      item.fence !== undefined && fill(texts.fence, { fence: item.fence }),
      item.why,
      item.line,
    ];
    return fill(texts.item, { run: label, who, pid, host, facts: facts.filter(Boolean).join(texts.separator) });
  }

  /** The bars and marks of a lane that the filters leave, in the order of time. */
  itemsOf(lane) {
    const items = [...lane.spans, ...lane.marks].filter((item) => this.layout.shows(item));
    return items.sort((one, other) => one.time - other.time);
  }

  step(direction) {
    if (!this.selected) return this.changeLane(direction);
    const { run, item } = this.selected;
    const items = this.itemsOf(this.runs[run].lanes[item.lane]);
    const next = items[items.indexOf(item) + direction];
    return next && this.goTo(run, next);
  }

  changeLane(direction) {
    const lines = this.layout.lines.filter((line) => line.kind === "lane" && this.itemsOf(line.lane).length > 0);
    const { run, item } = this.selected ?? {};
    const current = lines.findIndex((line) => line.run === run && line.lane.number === item?.lane);
    const line = lines[current < 0 ? 0 : current + direction];
    if (!line) return;
    const items = this.itemsOf(line.lane);
    this.goTo(line.run, items.find((each) => each.time >= (item?.time ?? 0)) ?? items[items.length - 1]);
  }

  /** Select an item, and move the picture so that it is visible. */
  goTo(run, item) {
    this.select({ run, item });
    const { start, end, length } = this.view;
    if (item.time < start || item.time > end) this.view.show(item.time - length / 2, length);
    this.scrollTo(run, [item.lane]);
  }

  /** Show the evidence of a verdict and what its processes were doing then; select the last event, which decided. */
  jump({ run, places }) {
    Object.values(this.filters).forEach((filter) => (filter.value = ""));
    this.arrange();
    const during = places.flatMap(({ lane, time }) =>
      this.runs[run].lanes[lane].spans.filter((span) => span.time <= time && time <= span.end),
    );
    this.view.showTimes([...places, ...during].map(({ time }) => time));
    const last = places[places.length - 1];
    const items = this.itemsOf(this.runs[run].lanes[last.lane]);
    const distance = (item) => Math.abs(item.time - last.time);
    const nearest = items.reduce((best, item) => (distance(item) < distance(best) ? item : best), items[0]);
    if (nearest) this.select({ run, item: nearest });
    this.scrollTo(run, places.map((place) => place.lane));
    this.canvas.focus();
  }

  scrollTo(run, lanes) {
    const lines = lanes.map((lane) => this.layout.lineOf(run, lane)).filter(Boolean);
    if (lines.length === 0) return;
    const first = Math.min(...lines.map((line) => line.y));
    const last = Math.max(...lines.map((line) => line.y + line.height));
    const { scrollTop, clientHeight } = this.box;
    if (first < scrollTop + AXIS + 20 || last > scrollTop + clientHeight) {
      this.box.scrollTop = Math.min((first + last - clientHeight - AXIS) / 2, first - AXIS - 20);
    }
    this.draw();
  }
}

/** Show the kinds of bars and marks that are in the picture. */
function showLegend(texts, runs) {
  const kinds = Object.keys(BARS).filter((kind) => runs.some((run) => run.spans.some((span) => span.kind === kind)));
  const shapes = Object.keys(MARKS).filter((shape) => runs.some((run) => run.marks.some((mark) => mark.shape === shape)));
  const entries = [
    ...kinds.map((kind) => [texts.kinds[kind], (sample) => sample.bar({ kind }, 2, 28, 2)]),
    ...shapes.map((shape) => [texts.shapes[shape], (sample) => sample.mark(shape, 15, 8)]),
  ];
  if (runs.some((run) => run.arrows.length > 0)) {
    entries.push([texts.arrow, (sample) => sample.arrow([3, 3, 26, 13])]);
  }
  document.getElementById("legend").replaceChildren(
    ...entries.map(([label, draw]) => {
      const canvas = document.createElement("canvas");
      const sample = new Painter(canvas, texts);
      sample.resize(30, 16);
      sample.context.scale(sample.scale, sample.scale);
      draw(sample);
      const entry = document.createElement("li");
      entry.append(canvas, label);
      return entry;
    }),
  );
}

window.timeline = new Timeline(JSON.parse(document.getElementById("data").textContent));
