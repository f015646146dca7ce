/**
 * The seed's k6 script: `k6 run load/k6.js`, with TARGET, API_KEY and STAGES=ci from the environment
 * (`k6 run -e TARGET=http://127.0.0.1:3001 -e STAGES=ci load/k6.js`).
 */
import { check, sleep } from 'k6';
import http from 'k6/http';

const TARGET = __ENV.TARGET || 'http://127.0.0.1:3001';
// A second run against the same server must not ask for the commands of the first.
const RUN = __ENV.RUN || `${Date.now()}`;

const FULL = [
  { duration: '1m', target: 10 },
  { duration: '5m', target: 100 },
  { duration: '1m', target: 0 },
];
const CI = [
  { duration: '2s', target: 10 },
  { duration: '4s', target: 20 },
  { duration: '1s', target: 0 },
];

export const options = {
  stages: __ENV.STAGES === 'ci' ? CI : FULL,
  thresholds: {
    http_req_duration: ['p(95)<500'],
    http_req_failed: ['rate<0.1'],
    checks: ['rate>0.99'],
  },
};

const headers = { 'Content-Type': 'application/json' };
if (__ENV.API_KEY) headers.Authorization = `Bearer ${__ENV.API_KEY}`;

// biome-ignore lint/style/noDefaultExport: k6 takes a virtual user's code as the default export and no other way.
export default function () {
  const payload = JSON.stringify({
    taskId: `test-${RUN}-${__VU}-${__ITER}`,
    taskType: 'EXECUTE_ASSISTANT',
    payload: { input: 'test data' },
  });
  const response = http.post(`${TARGET}/command/process`, payload, { headers });
  check(response, {
    'status is 200': (answer) => answer.status === 200,
    'command succeeded': (answer) => answer.json('status') === 'SUCCESS',
    'response time < 500ms': (answer) => answer.timings.duration < 500,
  });
  sleep(1);
}
