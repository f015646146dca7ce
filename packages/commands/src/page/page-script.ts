/**
 * The script of the page at `/`, for browsers. It only reads: the overview comes as server-sent events over `fetch`
 * (which, unlike EventSource, can send the key in a header), failures and the newest commands are fetched.
 */
export const PAGE_SCRIPT = `'use strict';
(() => {
  const KEY = 'millrace-api-key';
  const RECONNECT_MS = 2000;
  const POINTS_MAX = 60;
  const FAILURES_MAX = 10;
  const NEWEST_MAX = 100;
  const byId = (id) => document.getElementById(id);
  const number = new Intl.NumberFormat('en');
  const clock = new Intl.DateTimeFormat('en', { hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false });
  const rates = [];
  let failed = -1;
  let ended = -1;

  const isKeyed = () => sessionStorage.getItem(KEY) !== null;
  const headers = () => (isKeyed() ? { Authorization: 'Bearer ' + sessionStorage.getItem(KEY) } : {});

  const text = (id, value) => {
    const element = byId(id);
    if (element.textContent !== value) element.textContent = value;
  };

  const state = (name, words) => {
    byId('state').dataset.state = name;
    text('state', words);
  };

  const span = (ms) => {
    if (ms === undefined || ms === null || Number.isNaN(ms)) return '–';
    if (ms < 1) return '< 1 ms';
    if (ms < 1000) return Math.round(ms) + ' ms';
    if (ms < 60000) return (ms / 1000).toFixed(1) + ' s';
    if (ms < 3600000) return Math.round(ms / 60000) + ' min';
    return (ms / 3600000).toFixed(1) + ' h';
  };

  const make = (tag, attributes, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  };

  const ask = (refusal) => {
    byId('ask').hidden = false;
    byId('board').hidden = true;
    text('refusal', refusal);
    state('waiting', 'waiting for the key');
    byId('key').focus();
  };

  byId('ask').addEventListener('submit', (event) => {
    event.preventDefault();
    sessionStorage.setItem(KEY, byId('key').value);
    byId('key').value = '';
    byId('ask').hidden = true;
    follow();
  });

  const read = async (path) => {
    const response = await fetch(path, { headers: headers() });
    if (!response.ok) throw new Error(path + ' answered ' + response.status);
    return response.json();
  };

  const quantile = (sorted, q) => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];

  const showLatency = async () => {
    const { items } = await read('/commands?fields=createdAt,finishedAt&limit=' + NEWEST_MAX);
    const spans = items
      .filter((item) => item.finishedAt !== null)
      .map((item) => Date.parse(item.finishedAt) - Date.parse(item.createdAt))
      .sort((a, b) => a - b);
    text('p50', span(quantile(spans, 0.5)));
    text('p95', span(quantile(spans, 0.95)));
  };

  const showFailures = async () => {
    const fields = 'taskId,taskType,finishedAt,error';
    const { items } = await read('/commands/dead-letters?limit=' + FAILURES_MAX + '&fields=' + fields);
    byId('calm').hidden = items.length > 0;
    byId('failures').replaceChildren(...items.map((item) => {
      const at = make('time', { datetime: item.finishedAt }, clock.format(new Date(item.finishedAt)));
      // A link carries no key: where one is needed, the name alone is shown.
      const name = make('code', {}, item.taskId);
      const link = isKeyed() ? name : make('a', { href: '/commands/' + encodeURIComponent(item.taskId) }, name);
      const error = item.error === undefined ? '' : item.error.code + ': ' + item.error.message;
      return make('tr', {},
        make('td', { class: 'time' }, at), make('td', {}, item.taskType), make('td', {}, link), make('td', {}, error));
    }));
  };

  const showStatuses = (statuses) => {
    byId('statuses').replaceChildren(...Object.entries(statuses).map(([status, count]) => {
      const words = status.toLowerCase().replace('_', ' ');
      return make('li', { 'data-status': status },
        make('b', count === 0 ? { class: 'zero' } : {}, number.format(count)), make('span', {}, words));
    }));
  };

  const showTypes = (types) => {
    byId('types').replaceChildren(...types.map((type) => {
      const name = make('td', {}, make('code', {}, type.taskType));
      if (type.paused) name.append(make('span', { class: 'paused' }, 'paused'));
      const cells = [type.depth, type.running, type.ended].map((value) => make('td', { class: 'n' }, number.format(value)));
      return make('tr', { 'data-type': type.taskType }, name, ...cells, make('td', { class: 'n' }, span(type.meanMs)));
    }));
  };

  const showRate = (rate) => {
    rates.push(rate);
    if (rates.length > POINTS_MAX) rates.shift();
    const highest = Math.max(1, ...rates);
    const offset = POINTS_MAX - rates.length;
    const points = rates.map((value, index) => {
      const x = ((index + offset) * 120) / (POINTS_MAX - 1);
      return x.toFixed(1) + ',' + (23 - (value / highest) * 22).toFixed(1);
    });
    document.querySelector('#chart polyline').setAttribute('points', points.join(' '));
    text('rate', rate < 10 ? String(Math.round(rate * 10) / 10) : number.format(Math.round(rate)));
  };

  const show = (overview) => {
    byId('board').hidden = false;
    for (const link of document.querySelectorAll('nav .open')) link.hidden = isKeyed();
    state(overview.accepting ? 'live' : 'waiting', overview.accepting ? 'live' : 'not taking commands');
    for (const name of ['depth', 'active', 'scheduled']) text(name, number.format(overview[name]));
    text('age', overview.depth === 0 ? '–' : span(overview.queueAgeMs));
    text('mean', span(overview.meanMs));
    text('since', 'since ' + clock.format(new Date(overview.since)));
    showRate(overview.ratePerSecond);
    showStatuses(overview.statuses);
    showTypes(overview.types);
    const report = (error) => state('waiting', error.message);
    if (overview.statuses.FAILURE !== failed) showFailures().catch(report);
    if (overview.ended !== ended) showLatency().catch(report);
    failed = overview.statuses.FAILURE;
    ended = overview.ended;
  };

  const consume = async (body) => {
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = '';
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const frames = (rest + value).split('\\n\\n');
      rest = frames.pop();
      for (const frame of frames) {
        const data = frame.split('\\n').find((line) => line.startsWith('data: '));
        if (data !== undefined) show(JSON.parse(data.slice(6)));
      }
    }
  };

  const follow = async () => {
    for (;;) {
      try {
        const response = await fetch('/page/events', { headers: headers(), cache: 'no-store' });
        if (response.status === 401 || response.status === 403) {
          const had = isKeyed();
          sessionStorage.removeItem(KEY);
          ask(had ? 'That key does not open this server.' : '');
          return;
        }
        if (response.ok) await consume(response.body);
      } catch {
        // The connection broke: it is opened again below.
      }
      state('lost', 'connection lost');
      await new Promise((resolve) => setTimeout(resolve, RECONNECT_MS));
    }
  };

  follow();
})();
`;
