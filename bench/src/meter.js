import { setInterval, clearInterval } from 'node:timers';

const SAMPLE_EVERY_MS = 50;

/** Notes what some CPU clocks say, again and again, so that it can be asked afterwards what a stretch of time cost. */
export class Meter {
  #samples = [];
  #timer;

  /** `clocks`: name → function that answers the ms of CPU used so far. */
  constructor(clocks) {
    this.clocks = clocks;
    this.#sample();
    this.#timer = setInterval(() => this.#sample(), SAMPLE_EVERY_MS);
  }

  stop() {
    clearInterval(this.#timer);
    this.#sample();
  }

  /** ms of CPU by clock between two moments (epoch ms), and in all. */
  between(from, to) {
    const used = Object.fromEntries(
      Object.keys(this.clocks).map((name) => [name, this.#at(to, name) - this.#at(from, name)]),
    );
    return { ...used, all: Object.values(used).reduce((sum, each) => sum + each, 0) };
  }

  #sample() {
    const values = Object.fromEntries(Object.entries(this.clocks).map(([name, read]) => [name, read()]));
    this.#samples.push({ at: performance.timeOrigin + performance.now(), values });
  }

  #at(moment, name) {
    const after = this.#samples.findIndex((sample) => sample.at >= moment);
    if (after <= 0) return this.#samples.at(after === 0 ? 0 : -1).values[name];
    const [a, b] = [this.#samples[after - 1], this.#samples[after]];
    return a.values[name] + ((b.values[name] - a.values[name]) * (moment - a.at)) / (b.at - a.at);
  }
}
