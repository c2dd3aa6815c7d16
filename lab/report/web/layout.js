"use strict";

/* Where everything is: the lines of the picture from top to bottom, and the part of the time axis that is shown. */

const AXIS = 24; // pixels
const HEADER = 26;
const HOST = 20;
const STRIP = 34;
const ROW = 13;
const GAP = 5; // between lanes
const STRIPS = 2; // counters of a run that are shown if no primitive was chosen

/** The part of the time axis that is shown, in seconds. */
class View {
  constructor(elapsed) {
    this.limits = [-elapsed * 0.01, elapsed * 1.02];
    this.showAll();
  }

  get length() {
    return this.end - this.start;
  }

  showAll() {
    [this.start, this.end] = this.limits;
  }

  /** Show `length` seconds, with `time` where it is now, or as near as the limits allow. */
  zoom(factor, time = (this.start + this.end) / 2) {
    const [first, last] = this.limits;
    const length = Math.min(last - first, Math.max(1e-5, this.length * factor));
    const share = (time - this.start) / this.length;
    this.show(time - share * length, length);
  }

  move(seconds) {
    this.show(this.start + seconds, this.length);
  }

  /** Show some of the events and what is around them. */
  showTimes(times) {
    const first = Math.min(...times);
    const last = Math.max(...times);
    const [earliest, latest] = this.limits;
    const margin = Math.max((last - first) / 2, (latest - earliest) / 100);
    this.show(first - margin, last - first + 2 * margin);
  }

  show(start, length) {
    const [first, last] = this.limits;
    this.start = Math.max(first, Math.min(start, last - length));
    this.end = this.start + length;
  }
}

/** The lines of the picture that the filters leave, each with its place: `{kind, y, height, run, …}`. */
class Layout {
  constructor(runs, texts, { process, primitive }) {
    this.texts = texts;
    this.lines = [];
    this.lanes = new Map(); // the lines of lanes, by run and lane
    this.runs = new Map(); // the first and the last pixel of each run
    this.height = AXIS;
    this.primitive = primitive;
    runs.forEach((run, number) => this.addRun(run, number, process.trim().toLowerCase()));
  }

  addRun(run, number, process) {
    const lanes = run.lanes.filter((lane) => lane.who.toLowerCase().includes(process));
    if (lanes.length === 0) return;
    const hosts = new Set(lanes.map((lane) => lane.host));
    const title = hosts.size === 1 ? fill(this.texts.run_on_host, { run: run.label, host: lanes[0].host }) : run.label;
    this.add("run", HEADER, { run: number, title });
    for (const counter of this.counters(run)) {
      this.add("counter", STRIP, { run: number, counter, elapsed: run.elapsed });
    }
    let host = null;
    for (const lane of lanes) {
      if (hosts.size > 1 && lane.host !== host) this.add("host", HOST, { run: number, title: lane.host });
      host = lane.host;
      this.add("lane", lane.rows * ROW + GAP, { run: number, lane });
    }
  }

  add(kind, height, more) {
    const line = { kind, y: this.height, height, ...more };
    this.lines.push(line);
    if (kind === "lane") this.lanes.set(`${line.run} ${line.lane.number}`, line);
    this.height += height;
    this.runs.set(line.run, { top: this.runs.get(line.run)?.top ?? line.y, bottom: this.height });
  }

  counters(run) {
    return this.primitive ? run.counters.filter(({ on }) => on === this.primitive) : run.counters.slice(0, STRIPS);
  }

  /** Whether the filters leave a bar, a mark or an arrow. */
  shows(item) {
    return !this.primitive || item.on === this.primitive;
  }

  lineAt(y) {
    return this.lines.find((line) => line.y <= y && y < line.y + line.height);
  }

  lineOf(run, lane) {
    return this.lanes.get(`${run} ${lane}`);
  }
}

/** Give each lane its number, its rows, and its bars and marks in the order of time. */
function arrange(runs) {
  for (const run of runs) {
    run.lanes.forEach((lane, number) => Object.assign(lane, { number, rows: 1, spans: [], marks: [] }));
    for (const span of run.spans) {
      const lane = run.lanes[span.lane];
      lane.spans.push(span);
      lane.rows = Math.max(lane.rows, span.row + 1);
    }
    for (const mark of run.marks) run.lanes[mark.lane].marks.push(mark);
    run.faults = run.spans.filter((span) => span.fault);
    const grants = new Map(run.spans.filter(({ kind }) => kind === "inside").map((span) => [`${span.lane} ${span.time}`, span]));
    for (const { from, to } of run.arrows) {
      const granted = grants.get(`${to.lane} ${to.time}`);
      if (granted) granted.letInBy = run.lanes[from.lane].who;
    }
    for (const counter of run.counters) counter.most = counter.steps.reduce((most, [, count]) => Math.max(most, count), 0);
  }
}

/** The value of a counter at a time. */
function valueAt(counter, time) {
  let value = 0;
  for (const [when, count] of counter.steps) {
    if (when > time) break;
    value = count;
  }
  return value;
}

/** Fill in the names in braces of a text. */
function fill(text, values) {
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

function formatSeconds(value) {
  const size = Math.abs(value);
  const [unit, scale] = size >= 1 || size === 0 ? ["s", 1] : size >= 1e-3 ? ["ms", 1e3] : ["µs", 1e6];
  const scaled = value * scale;
  return `${scaled.toFixed(Math.abs(scaled) < 10 ? 2 : Math.abs(scaled) < 100 ? 1 : 0)} ${unit}`;
}
