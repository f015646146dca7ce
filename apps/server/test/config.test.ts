import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AppError } from '@millrace/kit';
import { type ConfigInput, dataDirectoryOf, loadConfig } from '../src/config.ts';

const KEY = 'a-long-enough-key';
const SECRET = 's'.repeat(32);

function problemsOf(input: ConfigInput): readonly string[] {
  try {
    loadConfig(input);
    return [];
  } catch (error) {
    assert.ok(error instanceof AppError && error.code === 'CONFIG_INVALID');
    return error.details.problems as readonly string[];
  }
}

test('nothing set gives the defaults of the contract', () => {
  const { config, sources, warnings } = loadConfig({});
  assert.deepEqual(
    [config.port, config.host, config.logLevel, config.rateLimitEnabled, config.rateLimitWindowMs],
    [3001, '127.0.0.1', 'info', false, 60_000],
  );
  assert.deepEqual(
    [config.rateLimitMaxRequests, config.apiKeyHeader, config.httpTimeoutMs],
    [100, 'X-API-Key', 30_000],
  );
  assert.deepEqual([config.rooms, config.data, config.authEnabled], [['commands'], '.millrace', false]);
  assert.equal(config.batchBodyLimitBytes, 16 * 1024 * 1024);
  assert.equal(sources.port, 'default');
  assert.deepEqual(warnings, []);
});

test('flags win over the environment, it over .env, and that over defaults', () => {
  const { config, sources } = loadConfig({
    flags: { port: '1' },
    env: { PORT: '2', HOST: 'localhost' },
    dotEnv: { PORT: '3', HOST: '::1', LOG_LEVEL: 'debug' },
  });
  assert.deepEqual([config.port, config.host, config.logLevel, config.logFormat], [1, 'localhost', 'debug', 'json']);
  assert.deepEqual(
    [sources.port, sources.host, sources.logLevel, sources.logFormat],
    ['flag', 'environment', '.env', 'default'],
  );
});

test('the settings are frozen, lists included', () => {
  const { config } = loadConfig({ env: { ALLOWED_HOSTS: 'a.example, b.example' } });
  assert.deepEqual(config.allowedHosts, ['a.example', 'b.example']);
  assert.ok(Object.isFrozen(config) && Object.isFrozen(config.allowedHosts));
});

test('an empty value counts as not set', () => {
  assert.equal(loadConfig({ env: { PORT: '', API_KEY: ' ' } }).config.port, 3001);
});

test('every problem is reported at once, with suggestions and without secrets', () => {
  const problems = problemsOf({
    flags: { prot: '1' },
    env: { PORT: 'abc', MILLRACE_STROE: 'x', LOG_LEVEL: 'loud', API_KEY: 'short', RATE_LIMIT_ENABLED: 'maybe' },
    dotEnv: { MILLRACE_ROOMS: 'comands,collector', HTTP_TIMEOUT: '-5', MILLRACE_ZZZZZZZZ: '1' },
  });
  assert.deepEqual([...problems].sort(), [
    '--prot is not a flag. Did you mean --port?',
    'API_KEY (environment): must not have fewer than 8 characters.',
    'HTTP_TIMEOUT="-5" (.env): must be >= 1.',
    'LOG_LEVEL="loud" (environment): must be one of debug, info, warn, error.',
    'MILLRACE_ROOMS: the room collector is not part of this version.',
    'MILLRACE_ROOMS: there is no room comands. Did you mean commands?',
    'MILLRACE_STROE (environment) is not a setting. Did you mean MILLRACE_STORE?',
    'MILLRACE_ZZZZZZZZ (.env) is not a setting.',
    'PORT="abc" (environment): must be a whole number.',
    'RATE_LIMIT_ENABLED="maybe" (environment): must be true or false.',
  ]);
});

test('the message of the error lists the problems one a line', () => {
  assert.throws(() => loadConfig({ env: { PORT: '70000' } }), {
    message:
      'Millrace does not start: one thing to correct in its settings.\n  - PORT="70000" (environment): must be <= 65535.',
  });
});

const REFUSED: readonly (readonly [string, Record<string, string>, RegExp])[] = [
  ['an open address without credentials', { HOST: '0.0.0.0' }, /set API_KEY or JWT_SECRET/],
  ['an open IPv6 address without credentials', { HOST: '::' }, /set API_KEY or JWT_SECRET/],
  [
    'an open address with authentication off',
    { HOST: '0.0.0.0', API_KEY: KEY, AUTH_ENABLED: 'false' },
    /AUTH_ENABLED=false/,
  ],
  ['authentication with nothing to ask for', { AUTH_ENABLED: 'true' }, /set API_KEY or JWT_SECRET/],
  ['a short token secret', { JWT_SECRET: 'short' }, /32 characters/],
  [
    'credentials for every origin',
    { CORS_ENABLED: 'true', CORS_ORIGIN: '*', CORS_CREDENTIALS: 'true' },
    /name the origins/,
  ],
  ['cross-origin calls from nowhere', { CORS_ENABLED: 'true' }, /needs CORS_ORIGINS/],
  ['an origin with a path', { CORS_ENABLED: 'true', CORS_ORIGINS: 'https://a.example/x' }, /is no origin/],
  [
    'two names of one setting that differ',
    { CORS_ORIGIN: 'http://a', CORS_ORIGINS: 'http://b' },
    /two names of one setting/,
  ],
  ['a store of a later version', { MILLRACE_STORE: 'postgres://db/x' }, /"postgres:" is not a store of this version/],
  ['a store and a directory', { MILLRACE_STORE: 'sqlite:a', MILLRACE_DATA: 'b' }, /both say where the data is/],
  ['a stream URL and an alias', { MILLRACE_STREAM: 'embedded', NATS_HOST: 'n' }, /MILLRACE_STREAM and NATS_HOST both/],
  ['a cache of a later version', { MILLRACE_CACHE: 'redis://x' }, /must be one of memory/],
  ['one port for two servers', { PORT: '4000', METRICS_PORT: '4000' }, /leave METRICS_PORT unset/],
  ['a provider without a model', { OPENAI_BASE_URL: 'http://x/v1' }, /needs OPENAI_MODEL/],
];

for (const [what, env, pattern] of REFUSED) {
  test(`${what} stops the start`, () => {
    const problems = problemsOf({ env });
    assert.equal(problems.length, 1, problems.join('\n'));
    assert.match(problems[0]!, pattern);
  });
}

test('an open address is allowed once there is a key or a token secret', () => {
  assert.equal(loadConfig({ env: { HOST: '0.0.0.0', API_KEY: KEY } }).config.authEnabled, true);
  assert.equal(loadConfig({ env: { HOST: '0.0.0.0', JWT_SECRET: SECRET } }).config.authEnabled, true);
});

test('engines of other deployments are warned about once and change nothing', () => {
  const env = {
    REDIS_URL: 'redis://x',
    KAFKA_BROKERS: 'k:9092',
    KAFKA_ENABLED: 'false',
    DB_HOST: '',
    MONGODB_URI: 'm',
  };
  const { warnings } = loadConfig({ env });
  assert.deepEqual(warnings, [
    'KAFKA_BROKERS, MONGODB_URI, REDIS_URL are set and not used by this version: it keeps everything in its embedded store.',
  ]);
});

test('the data directory follows the store', () => {
  const of = (env: Record<string, string>) => dataDirectoryOf(loadConfig({ env }).config, '/srv');
  assert.equal(of({}), '/srv/.millrace');
  assert.equal(of({ MILLRACE_DATA: '/data' }), '/data');
  assert.equal(of({ MILLRACE_STORE: 'sqlite:rel' }), '/srv/rel');
  assert.equal(of({ MILLRACE_STORE: 'memory:' }), undefined);
});
